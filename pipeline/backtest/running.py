"""A backtest run: the history of a range through the engine, step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from pipeline.backtest.engine import WatermarkEngine
from pipeline.backtest.planning import Place, Plan, far_config, near_config
from pipeline.core.alert_transition import Evaluation
from pipeline.core.records import Signal, Snapshot
from pipeline.core.rules import CriticalError, Rule
from pipeline.history.expected_slots import Span
from pipeline.history.stored_panes import stored_panes
from pipeline.history.stored_signals import stored_signals

_NO_PANE = (2**62, list[Snapshot]())

Tell = Callable[[int, int], None]
"""Called with how many steps are done, and how many there are."""


class Backtest:
    """Rules over a planned part of the history."""

    def __init__(self, place: Place, rules: Sequence[Rule], planned: Plan) -> None:
        self.pane_ms = pane_ms = planned.span.pane_ms
        near, far = near_config(place.settings, pane_ms), far_config(place.settings, pane_ms)
        self.engine = WatermarkEngine(near, rules, planned.beginning, far)
        self._place = place
        self._planned = planned
        self._hears_errors = any(isinstance(rule.condition, CriticalError) for rule in rules)

    def evaluations(self, tell: Tell) -> Iterator[Evaluation]:
        """Yield what every step and every critical error decides, in the order in which live decides them."""
        span = Span(self._planned.read_from_ms, self._planned.span.to_ms, self._planned.span.pane_ms)
        signals = _Signals(self._signals(span))
        ahead_ms = span.pane_ms + self._place.settings.out_of_orderness_ms
        steps = (span.to_ms - span.from_ms) // span.pane_ms
        for number, (start_ms, snapshots) in enumerate(self._every_pane(span)):
            # The watermark is this much behind what has come, so that much more was heard of when a step is due.
            yield from self.engine.pane(start_ms, snapshots, signals.before(start_ms + ahead_ms))
            tell(number + 1, steps)

    def _every_pane(self, span: Span) -> Iterator[tuple[int, list[Snapshot]]]:
        """Yield every pane of a span, those in which nothing happened too."""
        stored = stored_panes(self._place.client, self._place.database, span)
        found = next(stored, _NO_PANE)
        for start_ms in range(span.from_ms, span.to_ms, span.pane_ms):
            if found[0] == start_ms:
                yield found
                found = next(stored, _NO_PANE)
            else:
                yield start_ms, []

    def _signals(self, span: Span) -> Iterator[tuple[int, Signal]]:
        if self._hears_errors:
            yield from stored_signals(self._place.client, self._place.database, span)


class _Signals:
    """Signals ascending, given out up to a time."""

    def __init__(self, signals: Iterator[tuple[int, Signal]]) -> None:
        self._signals = signals
        self._next = next(signals, None)

    def before(self, at_ms: int) -> list[Signal]:
        """Return the signals before a time that were not returned yet."""
        found = []
        while self._next is not None and self._next[0] < at_ms:
            found.append(self._next[1])
            self._next = next(self._signals, None)
        return found
