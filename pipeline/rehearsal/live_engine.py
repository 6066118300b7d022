"""The live engine without Kafka: what aggregator and evaluator do with events, on a clock that is given.

Events are counted into panes by the aggregator's own source partitions, snapshots and marks go to the window engine,
every step and every early look to the rules, in the order of `pipeline.evaluator.owner`. One partition of each topic.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.aggregator.idle import IdleClock
from pipeline.core.alert_engine import evaluate, take
from pipeline.core.alert_rules import CompiledRules, compile_rules
from pipeline.core.alert_signal import evaluate_signal
from pipeline.core.alert_state import AlertStates
from pipeline.core.alert_transition import Evaluation, Transition
from pipeline.core.block import pack
from pipeline.core.columns import Columns
from pipeline.core.long_rules import LongRules
from pipeline.core.pane import PartSnapshot
from pipeline.core.pane_rows import SeriesLimits
from pipeline.core.pane_table import PaneTable
from pipeline.core.records import Marks, Signal, Snapshot
from pipeline.core.rules import Rule
from pipeline.core.series import Series
from pipeline.core.source import Progress, SourcePartition, TimeRules
from pipeline.core.window_config import KeptWindows
from pipeline.core.window_engine import WindowEngine
from pipeline.kept_windows import long_window_config, window_config
from pipeline.settings import Settings

OPERATIONS, ERRORS = "events.operations-0", "events.errors-0"
_EPOCH = 1


@dataclass(slots=True)
class _Source:
    partition: SourcePartition
    idle: IdleClock


@dataclass(slots=True)
class LiveEngine:
    """Rules over events, tick by tick. `now_ms` must not go back; of the settings those about time hold.

    `series` are those that the numbers in columns stand for; it may grow.
    """

    settings: Settings
    series: list[Series]
    rules: Sequence[Rule]
    windows: KeptWindows
    start_ms: int
    states: AlertStates = field(default_factory=AlertStates)
    _offset: int = 0
    _table: PaneTable = field(default_factory=PaneTable)
    _sources: dict[str, _Source] = field(init=False)
    _engine: WindowEngine = field(init=False)
    _compiled: CompiledRules = field(init=False)
    _long: LongRules | None = None

    def __post_init__(self) -> None:
        """Start as a worker does that takes over topics in which nothing was ever written."""
        times = TimeRules(self._pane_ms, self.settings.out_of_orderness_ms, self.settings.allowed_lateness_ms)
        limits = SeriesLimits(1, self.settings.series_max, self.settings.services_max)
        self._sources = {
            name: _Source(
                SourcePartition(Progress(position=0), times, limits), IdleClock(self.start_ms, None, self.start_ms)
            )
            for name in (OPERATIONS, ERRORS)
        }
        short = (name for name in self.windows if name not in self.windows.long)
        config = window_config(self.settings, windows=short)
        self._engine = WindowEngine(config, self._table.fetch)
        self._engine.set_sources(self._sources)
        self._compiled = compile_rules(self.rules, self.windows)
        far = long_window_config(self.settings, windows=self.windows.long)
        if far is not None and self._compiled.long.by_name:
            self._long = LongRules(far, self._compiled.long, self._engine.frontier)

    @property
    def _pane_ms(self) -> int:
        return self.settings.pane_seconds * 1000

    def tick(self, now_ms: int, batches: Mapping[str, Columns], signals: Sequence[Signal] = ()) -> Iterator[Transition]:
        """Take in what has come by source, and yield what follows from it and from the time that has gone by."""
        for signal in signals:
            yield from self._took(evaluate_signal(self._compiled.short, signal, self.states, self._engine.watermark_ms))
        for name, columns in batches.items():
            self._receive(self._sources[name], columns, now_ms)
        self._tell(now_ms)
        yield from self._emit()
        yield from self._look_early()
        yield from self._settle(now_ms)

    # ---- the aggregator's part

    def _receive(self, source: _Source, columns: Columns, now_ms: int) -> None:
        partition = source.partition
        partition.add(columns, self.series, next_offset=int(columns.offset[-1]) + 1)
        source.idle.saw_events(partition.progress.watermark_ms, now_ms)

    def _tell(self, now_ms: int) -> None:
        marks = []
        for name, source in self._sources.items():
            watermark_ms = source.idle.look(
                at_end=True, now_ms=now_ms, idle_after_ms=self.settings.idle_after_ms, start_grace_ms=0
            )
            if watermark_ms is not None:
                source.partition.advance_watermark(watermark_ms)
            for closing in source.partition.close(self.series):
                for part in closing.parts:
                    self._snapshot(name, closing.pane_start_ms, part, final=True)
            for start_ms, pane in source.partition.panes.items():
                for part in pane.snapshots(self.series, everything=False):
                    self._snapshot(name, start_ms, part, final=False)
            marks.append(source.partition.progress.mark(name, epoch=_EPOCH, idle=source.idle.is_idle))
        self._engine.on_marks(Marks("rehearsal", now_ms, marks), self._next_offset())

    def _snapshot(self, name: str, start_ms: int, part: PartSnapshot, *, final: bool) -> None:
        self._engine.on_snapshot(
            Snapshot(
                epoch=_EPOCH,
                source=name,
                pane_start_ms=start_ms,
                pane_ms=self._pane_ms,
                shard=part.shard,
                part=part.part,
                version=part.version,
                final=final,
                block=pack(part.block),
            ),
            self._next_offset(),
        )

    def _next_offset(self) -> int:
        self._offset += 1
        return self._offset - 1

    # ---- the evaluator's part

    def _emit(self) -> Iterator[Transition]:
        for end_ms in self._engine.due_steps():
            view = self._engine.view(end_ms, "on_time")
            yield from self._took(evaluate(self._compiled.short, view, self.states))
            self._engine.emitted(view)
        for end_ms in self._engine.late_steps():
            self._engine.emitted(self._engine.view(end_ms, "late"))

    def _look_early(self) -> Iterator[Transition]:
        end_ms = self._engine.early_end()
        if end_ms is None:
            return
        view = self._engine.view(end_ms, "early")
        if view.changed.any():
            yield from self._took(evaluate(self._compiled.short, view, self.states))

    def _took(self, evaluation: Evaluation) -> list[Transition]:
        take(self.states, evaluation)
        return evaluation.transitions

    def _settle(self, now_ms: int) -> Iterator[Transition]:
        """Commit, and close panes; all at once, as nothing can be lost in between. The long windows follow."""
        self._engine.committed(self._engine.commit_state())
        for pane in self._engine.close_due(now_ms):
            self._table.put(pane)
            self._engine.closed(pane)
            if self._long is not None:
                self._long.closed(pane)
        if self._long is not None and self._engine.closed_through_ms is not None:
            for evaluation in self._long.closed_through(self._engine.closed_through_ms):
                yield from evaluation.transitions
        self._table.delete(self._engine.expired())
