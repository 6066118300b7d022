"""A script performed: its traffic through the live engine, second by second."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.core.alert_transition import Transition
from pipeline.core.columns import CRITICAL, Columns
from pipeline.core.records import Signal
from pipeline.core.series import Series
from pipeline.rehearsal.events import happening
from pipeline.rehearsal.live_engine import ERRORS, OPERATIONS, LiveEngine
from pipeline.rehearsal.script import Script
from pipeline.settings import Settings
from schemas.structs import Alert

START_MS = 1_735_689_600_000
"""2025-01-01 00:00:00 UTC. Any round time does: rules know no calendar."""

SETTLING_MS = 60_000
"""So long the clock runs on after the end, until the last step is decided."""

_TICKS = 1_800
_LONGEST_TICK_MS = 5_000


@dataclass(frozen=True, slots=True)
class Found:
    """A transition, and when it was: the end of its step, or the time of a critical error, from the start on."""

    at_ms: int
    alert: Alert


def tick_ms(until_ms: int) -> int:
    """Return how often the clock ticks: each second, in scripts of more than half an hour less often."""
    return min(max(-(-until_ms // _TICKS // 1_000) * 1_000, 1_000), _LONGEST_TICK_MS)


def perform(script: Script, settings: Settings) -> list[Found]:
    """Return every transition that a script's traffic makes, in the order in which they were decided.

    A tick costs about 2 ms with one series and a handful of rules.
    """
    found = [
        Found(transition.state.last_step_ms - START_MS, transition.alert)
        for transition in _transitions(script, settings)
        if transition.alert is not None
    ]
    return [one for one in found if one.at_ms <= script.until_ms]


def _transitions(script: Script, settings: Settings) -> Iterator[Transition]:
    table, length_ms = [one.series for one in script.traffic], tick_ms(script.until_ms)
    calls = dict(happening(script.traffic, errors=False, start_ms=START_MS).ticks(length_ms))
    errors = dict(happening(script.traffic, errors=True, start_ms=START_MS).ticks(length_ms))
    engine = LiveEngine(settings, table, script.rules, script.windows, START_MS)
    first, last = START_MS // length_ms, (START_MS + script.until_ms + SETTLING_MS) // length_ms
    for tick in range(first, last + 1):
        here = {OPERATIONS: calls.get(tick), ERRORS: errors.get(tick)}
        batches = {name: columns for name, columns in here.items() if columns is not None}
        yield from engine.tick((tick + 1) * length_ms, batches, _signals(errors.get(tick), table))


def _signals(errors: Columns | None, table: list[Series]) -> list[Signal]:
    if errors is None:
        return []
    return [
        Signal(
            epoch=1,
            source=ERRORS,
            offset=int(errors.offset[row]),
            index=0,
            timestamp_ms=int(errors.timestamp_ms[row]),
            environment=series.environment,
            service=series.service,
            operation=series.operation,
            error_type="Rehearsed",
            message="an error of the script",
            event_id=f"rehearsed-{errors.offset[row]}",
        )
        for row in range(len(errors))
        if errors.flags[row] == CRITICAL
        for series in (table[errors.series[row]],)
    ]
