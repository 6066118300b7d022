"""What every channel says of an alert, in the same words: its facts, its events, its links."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pipeline.core.alert_text import duration_text
from pipeline.core.notices.titles import moment
from pipeline.notifier.message import Notification
from schemas.structs import Alert, AlertSample

EVENTS_SHOWN = 5
LINK_CHARACTERS = 1_000
ID_CHARACTERS = 200
MESSAGE_CHARACTERS = 1_000
_PER = {"per_minute": "per minute", "per_second": "per second"}


class Fact(NamedTuple):
    """One line of what is known: a label and its text."""

    label: str
    text: str


def quantity(value: float | None, unit: str) -> str:
    """Return a value in the unit of its record as people read it: ``7.3 %``, ``1.2s``, ``16 per minute``."""
    if value is None:
        return "unknown"
    if unit == "ratio":
        return f"{value * 100:.4g} %"
    if unit in ("ms", "s"):
        return duration_text(value if unit == "ms" else value * 1_000)
    if unit == "factor":
        return f"{value:.4g} times"
    word = "" if unit == "count" else _PER.get(unit, unit)
    return f"{value:.4g} {word}".rstrip()


def facts(alert: Alert) -> tuple[Fact, ...]:
    """Return what was measured against what, over which window, from how many events, and since when."""
    return (
        Fact("Value", _value(alert)),
        Fact("Threshold", _threshold(alert)),
        Fact("Window", _window(alert)),
        Fact("Samples", f"{alert.samples:,}"),
        Fact("Completeness", _completeness(alert)),
        Fact("Since", _since(alert)),
    )


def status(alert: Alert) -> str:
    """Return where an alert stands, in a word or two: ``critical``, ``resolved``, ``recovering (critical)``."""
    if alert.state == "firing":
        return alert.severity
    return alert.state if alert.state in ("resolved", "inactive") else f"{alert.state} ({alert.severity})"


def heading(notification: Notification) -> str:
    """Return what a message is about, on one line and in front of its title: ``[CRITICAL]``, ``[RESOLVED]``."""
    names = {"resolved": "RESOLVED", "acknowledged": "ACKNOWLEDGED", "test": "TEST", "heartbeat": "HEARTBEAT"}
    word = names.get(notification.kind, notification.severity.upper())
    return f"[STILL {word}]" if notification.kind == "repeat" else f"[{word}]"


def one_line(text: str) -> str:
    """Return a text on one line without control characters, so that it can stand in a header or a title."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def lines(text: str) -> str:
    """Return a text as it is, its lines kept, without other control characters: nothing in it hides or reorders."""
    kept = (character if character.isprintable() or character in "\n\t" else " " for character in text)
    return "".join(kept).strip()


def cut(text: str, characters: int) -> str:
    """Return a text of at most so many characters; one that is cut ends with an ellipsis."""
    return text if len(text) <= characters else text[: characters - 1] + "…"


def events(alert: Alert) -> tuple[str, ...]:
    """Return some of the events behind an alert, a line each: when, which request, what it says."""
    return tuple(_event(event) for event in alert.sample_events[:EVENTS_SHOWN])


def links(alert: Alert) -> Iterator[Fact]:
    """Yield the links that go with an alert. What is no address of the web is left out: a link is clicked on."""
    runbook = alert.runbook or ""
    if runbook.startswith(("https://", "http://")) and runbook.isprintable() and len(runbook) <= LINK_CHARACTERS:
        yield Fact("Runbook", runbook)


def unlisted(omitted: int) -> str:
    """Return how many alerts are not listed, empty for none."""
    return "" if not omitted else f"and {omitted:,} more alert{'' if omitted == 1 else 's'}"


def _value(alert: Alert) -> str:
    text = quantity(alert.value, alert.unit)
    if alert.bound is None:
        return text
    # Without it one would ask why 7 % does not breach 5 %.
    return f"{text}, judged as {quantity(alert.bound, alert.unit)}, its bound at the rule's confidence"


def _threshold(alert: Alert) -> str:
    text = quantity(alert.threshold, alert.unit)
    return text if alert.threshold is None else f"{alert.comparison} {text}"


def _window(alert: Alert) -> str:
    start, end = moment(alert.window_start_ms), moment(alert.window_end_ms)
    same_day = start[:10] == end[:10]
    span = f"{start.removesuffix(' UTC')} to {end[11:] if same_day else end}"
    return f"{alert.window}: {span}" if alert.window else span


def _completeness(alert: Alert) -> str:
    if alert.completeness is None:
        return f"unknown, decided {alert.decided.replace('_', ' ')}"
    # Never rounded up: 99.96 % complete is not complete.
    return f"{int(alert.completeness * 1_000) / 10:g} %, decided {alert.decided.replace('_', ' ')}"


def _since(alert: Alert) -> str:
    began = moment(alert.started_ms)
    if alert.resolved_ms is None:
        return began
    lasted = max(alert.resolved_ms - alert.started_ms, 0) // 1_000 * 1_000
    return f"{began}, over at {moment(alert.resolved_ms)} after {_lasting(lasted)}"


def _lasting(duration_ms: int) -> str:
    hours, minutes, seconds = duration_ms // 3_600_000, duration_ms // 60_000 % 60, duration_ms // 1_000 % 60
    parts = [f"{number}{unit}" for number, unit in ((hours, "h"), (minutes, "m"), (seconds, "s")) if number]
    return " ".join(parts) or "0s"


def _event(event: AlertSample) -> str:
    where = (event.request_id or event.trace_id or event.event_id)[:ID_CHARACTERS]
    return one_line(f"{moment(event.timestamp_ms)} {where} {(event.message or '')[:MESSAGE_CHARACTERS]}")
