"""Which part of the history a backtest reads: the range itself, and before it what windows and rules remember."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from clickhouse_connect.driver.client import Client

from pipeline.backtest.engine import Beginning
from pipeline.core.rules import DAY_MS, Absence, CriticalError, Rule
from pipeline.core.window_config import WindowConfig
from pipeline.errors import FatalError
from pipeline.history.cut import read_cut
from pipeline.history.expected_slots import Span
from pipeline.history.stored_extent import last_seen, stored_extent
from pipeline.history.survey import pane_length_ms
from pipeline.kept_windows import long_window_config, window_config
from pipeline.settings import Settings, window_ms


@dataclass(frozen=True, slots=True)
class Place:
    """A history: whom to ask, where."""

    client: Client
    database: str
    settings: Settings


@dataclass(frozen=True, slots=True)
class Plan:
    """What is read, ``[read_from_ms, span.to_ms)``, and what of it is told: steps in ``(span.from_ms, span.to_ms]``.

    Without a `beginning` the history begins there, and the engine starts with it as the live one did. `cut_from_ms`:
    where the range was to end, if panes were still open there. `full_from_ms`: when the longest window is full, if that
    is within the range.
    """

    span: Span
    read_from_ms: int
    beginning: Beginning | None
    cut_from_ms: int | None = None
    full_from_ms: int | None = None


def plan(place: Place, from_ms: int, to_ms: int, rules: Sequence[Rule]) -> Plan:
    """Return what a backtest of a range reads; FatalError that says what to do where there is nothing to read."""
    pane_ms = pane_length_ms(place.client, place.database, from_ms, to_ms, place.settings)
    asked = Span(from_ms // pane_ms * pane_ms, -(-to_ms // pane_ms) * pane_ms, pane_ms)
    first_ms = _first_ms(place, asked)
    span = _closed(place, asked)
    cut_from_ms = asked.to_ms if span.to_ms < asked.to_ms else None
    decides_after_ms = span.from_ms - memory_ms(rules) // pane_ms * pane_ms
    longest_ms = longest_window_ms(place.settings, rules)
    read_from_ms = decides_after_ms - longest_ms
    if first_ms >= read_from_ms:
        full_ms = first_ms + longest_ms
        return Plan(span, first_ms, None, cut_from_ms, full_ms if full_ms > span.from_ms else None)
    day = Span(read_from_ms - DAY_MS, read_from_ms, pane_ms)
    beginning = Beginning(read_from_ms, decides_after_ms, last_seen(place.client, place.database, day))
    return Plan(span, read_from_ms, beginning, cut_from_ms)


def longest_window_ms(settings: Settings, rules: Sequence[Rule]) -> int:
    """Return the length of the longest window of those that the rules are looked at with."""
    far = any(rule.window in settings.long_windows for rule in rules)
    return max(map(window_ms, (*settings.windows, *(settings.long_windows if far else ()))))


def _closed(place: Place, asked: Span) -> Span:
    """Return the part of a range whose panes are closed."""
    closed_ms = read_cut(place.client, place.database).closed_through_ms()
    if closed_ms is None or closed_ms >= asked.to_ms:
        return asked
    to_ms = closed_ms // asked.pane_ms * asked.pane_ms
    if to_ms <= asked.from_ms:
        raise FatalError(
            f"No pane is closed yet in {_time(asked.from_ms)} to {_time(asked.to_ms)} UTC, and a backtest takes whole "
            f"ones: they are closed up to {_time(to_ms)}. Wait until they are, a minute by default, or begin earlier"
        )
    return replace(asked, to_ms=to_ms)


def memory_ms(rules: Sequence[Rule]) -> int:
    """Return how long ago, at most a day, something may have begun that the rules have not forgotten."""
    return min(max((_memory_ms(rule) for rule in rules), default=0), DAY_MS)


def _memory_ms(rule: Rule) -> int:
    condition, silence_ms = rule.condition, 0
    if isinstance(condition, CriticalError):
        silence_ms = condition.hold_ms
    elif isinstance(condition, Absence):
        silence_ms = int(rule.thresholds[-1].value)
    return rule.for_ms + rule.keep_firing_ms + rule.cooldown_ms + silence_ms


def near_config(settings: Settings, pane_ms: int) -> WindowConfig:
    """Return what the window engine must know, of all shards together; FatalError where panes don't fit the windows."""
    try:
        return window_config(settings, pane_ms=pane_ms)
    except ValueError as error:
        raise FatalError(
            f"The panes of the range are {pane_ms // 1_000} s long: {error}. Set PIPELINE_WINDOWS to windows that were "
            "kept then, or choose another range"
        ) from None


def far_config(settings: Settings, pane_ms: int) -> WindowConfig | None:
    """Return the same for the long windows; None where none are kept, or panes of the range don't fit them."""
    return None if settings.long_pane_seconds * 1000 % pane_ms else long_window_config(settings)


def _first_ms(place: Place, span: Span) -> int:
    """Return where the history begins that is kept."""
    extent = stored_extent(place.client, place.database, span)
    if extent.in_span:
        return extent.first_ms
    days = f"slots are kept for {place.settings.slots_days} days (PIPELINE_SLOTS_DAYS)"
    if extent.last_ms == 0:
        raise FatalError(
            f"The history in {place.database} has no slots: publish events and let the lander land them; {days}"
        )
    raise FatalError(
        f"There is no history in {_time(span.from_ms)} to {_time(span.to_ms)} UTC: it goes from "
        f"{_time(extent.first_ms)} to {_time(extent.last_ms + span.pane_ms)} UTC, and {days}. Choose --from and --to "
        "in there"
    )


def _time(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(int(at_ms) // 1_000, UTC):%Y-%m-%dT%H:%M:%S}"
