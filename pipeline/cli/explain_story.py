"""The story of an alert, or of one moment of a rule on a series, in sentences.

Times are in UTC, of what the rules decided in event time, of what the notifier held back by the clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pipeline.cli.explain_held import held_sentence
from pipeline.cli.explain_query import Told, Windows
from pipeline.cli.explain_windows import UnsaidError, samples_of, value_of
from pipeline.cli.explain_words import notice_text, reason_text
from pipeline.cli.figures import clock, count, measured, moment, percent
from pipeline.core.alert_text import duration_text, subject
from pipeline.core.conditions import windows_of
from pipeline.core.measures.shapes import shape_of
from pipeline.core.rule_match import watches
from pipeline.core.rules import Absence, CriticalError, Rule
from pipeline.core.series import Series
from schemas.structs import AlertSample


def alert_story(told: Sequence[Told], samples: Sequence[AlertSample] = ()) -> list[str]:
    """Return the story of an alert: a headline, a sentence for each decision, and some of the events behind it."""
    first, last = told[0], max(told, key=lambda one: one.sequence)
    fired = next((one for one in told if one.state == "firing"), None)
    headline = f"Alert {first.alert_id}: rule {first.rule} on {first.series.label()}, now {last.state}."
    if fired is None:
        headline += " It never fired."
    shown = [f"Some of what was behind it ({count(len(samples))}):", *map(_sample, samples)] if samples else []
    return [headline, *map(sentence, told), *shown]


def _sample(one: AlertSample) -> str:
    names = {"request": one.request_id, "trace": one.trace_id}
    found = "".join(f", {what} {value}" for what, value in names.items() if value)
    said = f": {one.message}" if one.message else ""
    return f"{moment(one.timestamp_ms)} event {one.event_id}{found}{said}"


def sentence(one: Told) -> str:
    """Return what was decided, when, on which measurement, and whether people were to hear of it."""
    if one.held_ms is not None:
        return held_sentence(one)
    why = reason_text(one.reason) if one.reason else f"it became {one.state} (why has not landed yet)"
    severity = f" [{one.severity}]" if one.severity else ""
    parts = [f"{moment(one.step_end_ms)}{severity} {why}", *_measured(one), *_when(one)]
    if one.notice:
        parts.append(notice_text(one.notice))
    return ". ".join(parts) + "."


def _measured(one: Told) -> Iterator[str]:
    bounds = f" over {one.window} ({clock(one.window_start_ms)} to {clock(one.window_end_ms)})" if one.window else ""
    if one.value is not None:
        limit = f"; a breach is {one.comparison} {measured(one.threshold, one.unit)}"
        yield f"Measured: {measured(one.value, one.unit)}{bounds}{_samples(one)}{limit}"
    elif one.window:
        yield f"No value is kept{bounds}"


def _samples(one: Told) -> str:
    if one.samples is None:
        return ""
    asked = "" if one.min_samples is None else f" (the rule asks for {count(one.min_samples)})"
    return f", {count(one.samples)} samples{asked}"


def _when(one: Told) -> Iterator[str]:
    if one.since_ms < one.step_end_ms:
        yield f"So it was at each step since {moment(one.since_ms)}"
    if one.decided == "early":
        known = "" if one.watermark_ms is None else f", which stood at {clock(one.watermark_ms)}"
        yield f"Decided early, before the watermark{known}"
    if one.decided == "signal":
        yield "Decided at once, by the error itself"
    if one.completeness is not None and one.completeness < 1 and one.decided == "on_time":
        yield f"Only {percent(one.completeness)} of the sources were complete"


# ---- one moment of a rule on a series


def moment_story(
    rule: Rule | None,
    name: str,
    series: Series,
    at_ms: int,
    before: Told | None,
    around: Sequence[Told],
    windows: Windows,
    lengths: Mapping[str, int],
    slow_threshold_ms: float,
) -> list[str]:
    """Return why a rule did, or did not, alert on a series at a time.

    `before` is the last transition up to then, `around` what was decided about then; `rule` is as it is now, None if it
    is not there.
    """
    state = "inactive" if before is None else before.state
    story = [f"At {moment(at_ms)} rule {name} on {series.label()} was {state}."]
    if before is not None:
        story.append(f"Its last change up to then was of alert {before.alert_id}:")
        story.append(sentence(before))
    same = None if before is None else (before.alert_id, before.sequence)
    others = [one for one in around if not one.notice or (one.alert_id, one.sequence) != same]
    if others:
        story += ["What else was decided about then:", *map(sentence, others)]
    elif before is None:
        story.append("No decision about it is kept from about then.")
    return [*story, *_now(rule, name, series, windows, lengths, slow_threshold_ms, at_ms)]


def _now(
    rule: Rule | None,
    name: str,
    series: Series,
    windows: Windows,
    lengths: Mapping[str, int],
    slow_threshold_ms: float,
    at_ms: int,
) -> Iterator[str]:
    """What the windows held, against the rule as it is now."""
    if rule is None:
        yield f"There is no rule {name} among the rules as they are now."
    elif not watches(rule, series) and not isinstance(rule.condition, CriticalError):
        yield (
            f"The rule as it is now does not cover {series.label()}: it groups by {rule.group_by}, and this is "
            f"{'an' if series.rollup[0] == 'o' else 'a'} {series.rollup} series, or its `match` does not fit."
        )
    elif isinstance(rule.condition, Absence | CriticalError):
        yield _of_events(rule, windows)
    elif rule.window in windows.by_name:
        yield _verdict(rule, windows, lengths, slow_threshold_ms)
    else:
        yield _nothing(series, windows, at_ms)


def _nothing(series: Series, windows: Windows, at_ms: int) -> str:
    if windows.newest_ms is None or windows.newest_ms < at_ms:
        newest = "none" if windows.newest_ms is None else moment(windows.newest_ms)
        return f"The watermark had not passed that time when history was written last: its newest step is {newest}."
    if windows.last_ms is None:
        return f"The series {series.label()} is unknown up to then: no window of it is kept."
    return (
        f"There were no events of this series in the window: its last window with any ended {moment(windows.last_ms)}."
    )


def _of_events(rule: Rule, windows: Windows) -> str:
    last = "none is kept" if windows.last_ms is None else f"the newest up to then ended {moment(windows.last_ms)}"
    return f"The rule watches {rule.type.replace('_', ' ')}, not a window; of the series' windows {last}."


def _verdict(rule: Rule, windows: Windows, lengths: Mapping[str, int], slow_threshold_ms: float) -> str:
    held, samples = windows.by_name[rule.window], samples_of(rule, windows.by_name[rule.window])
    head = f"The {' and '.join(windows_of(rule))} window that ended {moment(windows.step_end_ms or 0)} held"
    try:
        value = value_of(rule, windows.by_name, lengths, slow_threshold_ms)
    except UnsaidError:
        calls = count(round(held["calls"] or 0))
        return f"{head} {calls} calls; what rule {rule.name} measures is not among the window stats."
    if value is None:
        return f"{head} nothing to measure the {subject(rule)} of."
    shape = shape_of(rule.condition)
    shown = measured(value / shape.scale, shape.unit)
    return f"{head}: {subject(rule)} {shown}, {count(samples)} samples. {_against(rule, value, samples)}"


def _against(rule: Rule, value: float, samples: int) -> str:
    """Return where a value stands against the thresholds as they are now, and what else the rule asks for."""
    shape = shape_of(rule.condition)
    below = shape.comparison == "<"
    passed = [one for one in rule.thresholds if (value < one.value if below else value > one.value)]
    nearest = passed[-1] if passed else rule.thresholds[0]
    limit = f"{shape.comparison} {measured(nearest.value / shape.scale, shape.unit)} ({nearest.severity})"
    if not passed:
        return f"That is no breach: the rule as it is now asks for {limit}."
    more = []
    if samples < rule.min_samples:
        more.append(f"there were fewer samples than the {count(rule.min_samples)} that it asks for")
    if rule.confidence is not None:
        more.append(f"it asks to be {percent(rule.confidence)} sure, so the bound is judged and not the value")
    if rule.for_ms:
        more.append(f"it must last {duration_text(rule.for_ms)}")
    return f"That is a breach of the rule as it is now: {limit}" + "".join(f"; {one}" for one in more) + "."
