"""The live engine on closed panes in order of time: every step is decided once, on the watermark.

What the evaluator does with marks that tell each pane as soon as it is whole: windows, rules and states are its own.
Nothing is looked at early, and no step is jumped over, as none is where time goes by while nobody sends anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline.core.alert_engine import evaluate, take
from pipeline.core.alert_rules import CompiledRules, compile_rules
from pipeline.core.alert_signal import evaluate_signal
from pipeline.core.alert_state import AlertStates
from pipeline.core.alert_transition import Evaluation
from pipeline.core.block import Block, unpack
from pipeline.core.closed_pane import blocks_of
from pipeline.core.long_rules import LongRules
from pipeline.core.pane_table import PaneTable
from pipeline.core.records import Mark, Marks, Signal, Snapshot
from pipeline.core.rules import Rule
from pipeline.core.series import Series
from pipeline.core.window_config import KeptWindows, WindowConfig, WindowState
from pipeline.core.window_engine import WindowEngine

_SOURCE = "history"
_FORGET_MS = 60_000


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where the engine begins in the middle of a history; steps up to `decides_after_ms` only fill the windows.

    `seen`: when series that have no event from `at_ms` on had their last, for absence.
    """

    at_ms: int
    decides_after_ms: int
    seen: Mapping[Series, int]


class WatermarkEngine:
    """Rules over one history, all of it in one shard. Without a `beginning` it starts where the first pane is, as live.

    `long` are its long windows, if any are kept. Memory: the windows, and as records under zstd the panes of the
    longest one. A step costs what it costs live.
    """

    def __init__(
        self,
        config: WindowConfig,
        rules: Sequence[Rule],
        beginning: Beginning | None = None,
        long: WindowConfig | None = None,
    ) -> None:
        self.rules: CompiledRules = compile_rules(rules, KeptWindows(config.windows, long.windows if long else ()))
        self.states = AlertStates()
        self._pane_ms = config.pane_ms
        self._table = PaneTable()
        self._open: dict[int, list[Snapshot]] = {}
        self._engine = WindowEngine(config, self._table.fetch)
        self._engine.set_sources([_SOURCE])
        self._decides_after_ms = beginning.decides_after_ms if beginning else None
        self.long: LongRules | None = None
        if long is not None and self.rules.long.by_name:
            self.long = LongRules(long, self.rules.long, self._engine.frontier, self._decides_after_ms)
        self._offset = 0
        if beginning is not None:
            at_ms = beginning.at_ms
            self._engine.restore({}, WindowState(at_ms, at_ms, at_ms, 0, 0), beginning.seen)
            if self.long is not None:
                self.long.begin(at_ms, beginning.seen)

    def pane(
        self, start_ms: int, snapshots: Iterable[Snapshot], signals: Iterable[Signal] = ()
    ) -> Iterator[Evaluation]:
        """Take in one pane, every pane in order, also where there is nothing in it; yield what its step decides.

        `signals` are the critical errors that live has heard of when the step is due, and has not before.
        """
        for signal in signals:
            if self._decides(signal.timestamp_ms):
                yield self._taken(evaluate_signal(self.rules.short, signal, self.states, self._engine.watermark_ms))
        for snapshot in snapshots:
            self._open.setdefault(start_ms, []).append(snapshot)
            self._engine.on_snapshot(snapshot, self._next_offset())
        self._engine.on_marks(self._whole_through(start_ms + self._pane_ms), self._next_offset())
        for end_ms in self._engine.due_steps():
            view = self._engine.view(end_ms, "on_time")
            if self._decides(end_ms):
                yield self._taken(evaluate(self.rules.short, view, self.states))
            self._engine.emitted(view)
        yield from self._settle(start_ms + self._pane_ms)

    def blocks(self, start_ms: int) -> list[Block]:
        """Return what a pane of the longest window holds; nothing where there was no event. A closed one is decoded."""
        return [unpack(one.block) for one in self._open.get(start_ms, ())] or blocks_of(self._table.fetch(start_ms))

    def _decides(self, at_ms: int) -> bool:
        return self._decides_after_ms is None or at_ms > self._decides_after_ms

    def _taken(self, evaluation: Evaluation) -> Evaluation:
        take(self.states, evaluation)
        return evaluation

    def _whole_through(self, end_ms: int) -> Marks:
        mark = Mark(1, _SOURCE, self._offset, end_ms, end_ms, idle=False, operations=0, errors=0, late=0, dead=0)
        return Marks(_SOURCE, end_ms, [mark])

    def _next_offset(self) -> int:
        self._offset += 1
        return self._offset - 1

    def _settle(self, end_ms: int) -> Iterator[Evaluation]:
        """Commit, close panes, and forget what has been quiet for a day: all of it on the clock of the events.

        Yield what the steps of the long windows decide, which come due when panes are closed.
        """
        self._engine.committed(self._engine.commit_state())
        for pane in self._engine.close_due(end_ms):
            self._table.put(pane)
            self._engine.closed(pane)
            self._open.pop(pane.start_ms, None)
            if self.long is not None:
                self.long.closed(pane)
        if self.long is not None and self._engine.closed_through_ms is not None:
            yield from self.long.closed_through(self._engine.closed_through_ms)
        self._table.delete(self._engine.expired())
        if end_ms % _FORGET_MS == 0:
            for state in self.states.forgettable(end_ms):
                self.states.forget(state)
