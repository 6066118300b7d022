"""Measurement 5: what rules cost. 1,000 rules over 1,000 series in one process, without Kafka.

The engine that runs live takes in an hour of panes of one shard, then steps are looked at, early and on the watermark.
Only the look is timed: the columns that the rules ask for, every rule over every series, and the state machine.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from statistics import median

import numpy as np

from bench.figures import Figure
from bench.stage import Stage
from bench.timeline import peak_mb
from pipeline.core.alert_engine import evaluate, take
from pipeline.core.alert_rules import CompiledRules, compile_rules
from pipeline.core.alert_state import AlertStates
from pipeline.core.block import pack
from pipeline.core.columns import FAILED, Columns
from pipeline.core.pane import PartSnapshot
from pipeline.core.pane_rows import SeriesLimits
from pipeline.core.records import Mark, Marks, Snapshot
from pipeline.core.rules import (
    BurnRate,
    Change,
    Condition,
    ErrorRate,
    Match,
    ResponseTime,
    Rule,
    SlowOperations,
    SuccessRate,
    Threshold,
    Throughput,
)
from pipeline.core.series import Series
from pipeline.core.source import Progress, SourcePartition, TimeRules
from pipeline.core.window_config import WindowConfig
from pipeline.core.window_engine import WindowEngine
from pipeline.settings import Settings, window_ms

PANE_MS = 10_000
PANES = 360
STEPS = 12
CALLS = 3
_SOURCE = "events.operations-0"
_CONDITIONS: tuple[tuple[Condition, tuple[float, ...]], ...] = (
    (ErrorRate(), (0.02, 0.05)),
    (SuccessRate(), (0.95, 0.90)),
    (ResponseTime(quantile=0.95), (1e6, 2e6)),
    (ResponseTime(statistic="avg"), (1e5, 1e6)),
    (SlowOperations(), (3, 10)),
    (Throughput(), (0.001,)),
    (Change(of="error_rate", against="1h"), (5, 10)),
    (BurnRate(objective=0.99, short_window="5m"), (14.4,)),
)


async def measure(stage: Stage, *, rules: int, series: int) -> list[Figure]:
    """Return the figures, with few failures and with many; `stage` only says how far it is."""
    figures = [Figure("rules.rules", "rules", rules, "")]
    for key, when, failing in (("calm", "few of them in breach", 0.002), ("storm", "every tenth call fails", 0.1)):
        stage.say(f"{rules:,} rules, {series:,} series, {PANES} panes, {when}")
        figures += await asyncio.to_thread(_measured, f"rules.{key}", when, failing, rules, series)
    return [*figures, Figure("rules.peak_mb", "rules: peak memory, with an hour of windows", peak_mb("self"), "MB")]


def _measured(key: str, when: str, failing: float, rules: int, series: int) -> list[Figure]:
    windows = Settings().windows
    compiled, shard, states = (
        compile_rules(list(_rules(rules)), windows),
        _Shard(windows, series, failing),
        AlertStates(),
    )
    for _ in range(PANES):
        shard.fill_pane()
    early, steps = [], []
    for _ in range(STEPS):
        shard.fill_pane()
        early.append(shard.look_early(compiled, states))
        steps.append(shard.step(compiled, states))
    active = sum(len(states.active(name)) for name in states.active_rules())
    goals = (1_000, 200) if key == "rules.calm" else (None, None)
    return [
        Figure(f"{key}.series", f"rules, {when}: series of one shard, roll-ups among them", shard.rows, ""),
        Figure(f"{key}.active", f"rules, {when}: alerts pending or firing", active, ""),
        Figure(f"{key}.step_ms", f"rules, {when}: a step on the watermark, median", median(steps) * 1e3, "ms"),
        Figure(f"{key}.step_max_ms", f"rules, {when}: greatest", max(steps) * 1e3, "ms", None, goals[0]),
        Figure(f"{key}.early_ms", f"rules, {when}: an early look, median", median(early) * 1e3, "ms"),
        Figure(f"{key}.early_max_ms", f"rules, {when}: greatest early look", max(early) * 1e3, "ms", None, goals[1]),
    ]


def _rules(count: int) -> Iterator[Rule]:
    """Yield rules of every measured type, each watching one service of twenty, a tenth of them everything."""
    severities = ("warning", "critical")
    for number in range(count):
        condition, values = _CONDITIONS[number % len(_CONDITIONS)]
        yield Rule(
            name=f"rule-{number}",
            condition=condition,
            thresholds=tuple(Threshold(name, value) for name, value in zip(severities, values, strict=False)),  # type: ignore[arg-type]  # names of severities
            window="1h" if isinstance(condition, BurnRate) else ("1m", "5m", "15m")[number % 3],
            match=Match() if number % 10 == 0 else Match(service=(f"service-{number % 20}",)),
            for_ms=30_000 if number % 4 == 0 else 0,
        )


class _Shard:
    """One shard of an evaluator, fed with random calls pane by pane, each complete before the next."""

    def __init__(self, windows: tuple[str, ...], series: int, failing: float) -> None:
        self._failing = failing
        self.table = [Series("prod", f"service-{number % 20}", f"operation-{number}") for number in range(series)]
        self._partition = SourcePartition(
            Progress(position=0), TimeRules(PANE_MS, 2_000, 30_000), SeriesLimits(1, 2 * series, 1_000)
        )
        config = WindowConfig(
            shard=0,
            pane_ms=PANE_MS,
            windows={name: window_ms(name) for name in windows},
            series_limit=2 * series,
            out_of_orderness_ms=2_000,
        )
        self._closed: dict[int, list[bytes]] = {}
        self._engine = WindowEngine(config, lambda start_ms: self._closed[start_ms])
        self._engine.set_sources([_SOURCE])
        self._rng = np.random.default_rng(1)
        self._pane_start_ms = 1_760_000_000_000 // PANE_MS * PANE_MS
        self._offset = self._records = self.rows = 0

    def fill_pane(self) -> None:
        """Take in a pane of every series."""
        columns = self._columns(CALLS * len(self.table))
        self._partition.add(columns, self.table, next_offset=self._offset)
        for closing in self._partition.close(self.table):
            self._snapshots(closing.pane_start_ms, closing.parts, final=True)
        for start_ms, pane in self._partition.panes.items():
            self._snapshots(start_ms, pane.snapshots(self.table, everything=False), final=False)
        self._pane_start_ms += PANE_MS

    def look_early(self, compiled: CompiledRules, states: AlertStates) -> float:
        """Look early at the pane that was filled last; return the seconds it took."""
        self._settle(self._pane_start_ms - PANE_MS)
        began = time.perf_counter()
        end_ms = self._engine.early_end()
        assert end_ms is not None
        view = self._engine.view(end_ms, "early")
        evaluation = evaluate(compiled, view, states)
        took = time.perf_counter() - began
        take(states, evaluation)
        return took

    def step(self, compiled: CompiledRules, states: AlertStates) -> float:
        """Let the watermark pass the pane that was filled last, and emit its step; return the seconds it took."""
        self._mark(self._pane_start_ms)
        began = time.perf_counter()
        for end_ms in self._engine.due_steps():
            view = self._engine.view(end_ms, "on_time")
            take(states, evaluate(compiled, view, states))
            self._engine.emitted(view)
            self.rows = len(view.series)
        return time.perf_counter() - began

    def _snapshots(self, start_ms: int, parts: Iterable[PartSnapshot], *, final: bool) -> None:
        for part in parts:
            snapshot = Snapshot(
                epoch=1,
                source=_SOURCE,
                pane_start_ms=start_ms,
                pane_ms=PANE_MS,
                shard=part.shard,
                part=part.part,
                version=part.version,
                final=final,
                block=pack(part.block),
            )
            self._engine.on_snapshot(snapshot, self._next_record())

    def _settle(self, watermark_ms: int) -> None:
        """Emit and close everything up to a watermark."""
        self._mark(watermark_ms)
        for end_ms in self._engine.due_steps():
            self._engine.emitted(self._engine.view(end_ms, "on_time"))
        self._engine.committed(self._engine.commit_state())
        while panes := self._engine.close_due(watermark_ms + 60_000):
            for pane in panes:
                self._closed[pane.start_ms] = [value for _, value in pane.records()]
                self._engine.closed(pane)
        self._engine.expired()

    def _mark(self, watermark_ms: int) -> None:
        mark = Mark(
            epoch=1,
            source=_SOURCE,
            position=self._offset,
            watermark_ms=watermark_ms,
            closed_through_ms=self._partition.progress.closed_through_ms,
            idle=False,
            operations=self._offset,
            errors=0,
            late=0,
            dead=0,
        )
        self._engine.on_marks(Marks("bench", watermark_ms, [mark]), self._next_record())

    def _next_record(self) -> int:
        self._records += 1
        return self._records - 1

    def _columns(self, count: int) -> Columns:
        offset = np.arange(self._offset, self._offset + count, dtype=np.int64)
        self._offset += count
        at_ms = self._pane_start_ms + np.arange(count, dtype=np.int64) * PANE_MS // count
        return Columns(
            record=offset - offset[0],
            index=np.zeros(count, np.int64),
            offset=offset,
            append_ms=at_ms,
            timestamp_ms=at_ms,
            series=(np.arange(count) % len(self.table)).astype(np.int32),
            weight=np.ones(count, np.int64),
            flags=np.where(self._rng.random(count) < self._failing, FAILED, 0).astype(np.uint8),
            duration_us=self._rng.lognormal(10, 1, count).astype(np.int64),
            status=np.zeros(count, np.uint16),
        )
