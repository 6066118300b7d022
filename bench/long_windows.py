"""Measurement 6: what long windows cost. Three days of long panes of 1,000 series in one process, without Kafka.

The engine that runs live takes in closed panes; then it is made again from its table, as by a worker that takes over.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from statistics import median

import numpy as np

from bench.figures import Figure
from bench.stage import Stage
from bench.timeline import peak_mb
from pipeline.core.block import Block
from pipeline.core.columns import FAILED, Columns
from pipeline.core.long_windows import LongWindows
from pipeline.core.merge import merge
from pipeline.core.pane_rows import SeriesLimits
from pipeline.core.pane_table import PaneTable
from pipeline.core.series import Series
from pipeline.core.source import Progress, SourcePartition, TimeRules
from pipeline.core.stats import stats
from pipeline.core.window_config import WindowConfig, WindowState
from pipeline.kept_windows import long_window_config
from pipeline.settings import Settings

CALLS = 90
"""Of each series in a long pane: one in three seconds."""
DIFFERENT = 12
SLOW_US = 1_000_000
_BEGIN_MS = 1_760_000_100_000


async def measure(stage: Stage, *, series: int) -> list[Figure]:
    """Return the figures; `stage` only says how far it is."""
    stage.say(f"long windows of {series:,} series, three days of panes")
    return await asyncio.to_thread(_measured, series)


def _measured(series: int) -> list[Figure]:
    settings = Settings()
    config = long_window_config(settings)
    assert config is not None
    before_mb = peak_mb("self")
    keeper = _Keeper(config)
    panes = config.longest_ms // config.pane_ms
    blocks = list(_blocks(series, config.pane_ms))
    took = [keeper.pane(_BEGIN_MS + n * config.pane_ms, blocks[n % DIFFERENT]) for n in range(panes + DIFFERENT)]
    full = took[-DIFFERENT:]
    table_mb = sum(len(record) for records in keeper.kept().values() for record in records) / 1e6
    held_mb = peak_mb("self") - before_mb
    restored = keeper.restored()
    return [
        Figure("long.series", "long windows: series, roll-ups among them", keeper.rows, ""),
        Figure("long.windows", "long windows: of up to three days", len(config.windows), ""),
        Figure("long.step_ms", "long windows: a step, every 5 minutes, median", median(full) * 1e3, "ms"),
        Figure("long.step_max_ms", "long windows: greatest", max(full) * 1e3, "ms", None, 1_000),
        Figure("long.table_mb", "long windows: table and changelog", table_mb, "MB"),
        Figure("long.peak_mb", "long windows: memory, on top of the process", held_mb, "MB"),
        Figure("long.restore_s", "long windows: made again by who takes over", restored, "s", None, 15),
    ]


class _Keeper:
    """Long windows and their table; what the evaluator does with them, but for rules."""

    def __init__(self, config: WindowConfig) -> None:
        self.rows = 0
        self._config = config
        self._table = PaneTable()
        self._starts: list[int] = []
        self._state: WindowState | None = None
        self._windows = LongWindows(config, self._table.fetch)

    def pane(self, start_ms: int, block: Block) -> float:
        """Take in a pane, and look at the step that it makes due; return the seconds it took."""
        began = time.perf_counter()
        engine, end_ms = self._windows.engine, start_ms + self._config.pane_ms
        self._windows.closed(start_ms, [block])
        self._windows.closed_through(end_ms)
        for step_ms in engine.due_steps():
            view = engine.view(step_ms, "on_time")
            self.rows = len(stats(view, SLOW_US))
            engine.emitted(view)
        self._state = engine.commit_state()
        engine.committed(self._state)
        for pane in engine.close_due(end_ms):
            self._table.put(pane)
            engine.closed(pane)
        self._table.delete(engine.expired())
        self._starts.append(start_ms)
        return time.perf_counter() - began

    def kept(self) -> dict[int, list[bytes]]:
        """Return the table: the records of each pane."""
        return {start_ms: found for start_ms in self._starts if (found := self._table.fetch(start_ms))}

    def restored(self) -> float:
        """Make the windows again from the table; return the seconds it took."""
        began = time.perf_counter()
        again = LongWindows(self._config, self._table.fetch)
        again.restore(self.kept(), self._state, {}, ())
        return time.perf_counter() - began


def _blocks(series: int, length_ms: int) -> Iterator[Block]:
    """Yield panes of random calls."""
    rng = np.random.default_rng(1)
    table = [Series("prod", f"service-{number % 20}", f"operation-{number}") for number in range(series)]
    count = CALLS * series
    for _ in range(DIFFERENT):
        source = SourcePartition(Progress(position=0), TimeRules(length_ms, 0, 0), SeriesLimits(1, 2 * series, 1_000))
        at_ms = np.arange(count, dtype=np.int64) * length_ms // count
        columns = Columns(
            record=np.arange(count, dtype=np.int64),
            index=np.zeros(count, np.int64),
            offset=np.arange(count, dtype=np.int64),
            append_ms=at_ms,
            timestamp_ms=at_ms,
            series=(np.arange(count) % series).astype(np.int32),
            weight=np.ones(count, np.int64),
            flags=np.where(rng.random(count) < 0.01, FAILED, 0).astype(np.uint8),
            duration_us=rng.lognormal(10, 1, count).astype(np.int64),
            status=np.full(count, 200, np.uint16),
        )
        source.add(columns, table, next_offset=count)
        parts = next(iter(source.panes.values())).snapshots(table, everything=True)
        yield merge([part.block for part in parts])
