"""Sliding windows, counted one by one, against what `stats` says."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import msgspec

from pipeline.core.block import COLUMN
from pipeline.core.histogram import estimate_us
from pipeline.core.series import Series, shard_of
from pipeline.settings import Settings, window_ms
from schemas.structs import StatsRecord, WindowStats
from tests.model.tally import PANE_MS, Counted, Tally
from tests.model.watch import require

WINDOWS_MS = {"30s": 30_000, "1m": 60_000}
LONGEST_MS = max(WINDOWS_MS.values())

Step = tuple[int, Series]


def check_windows(values: Iterable[bytes], events: Iterable[Counted]) -> None:
    """Require one content for each (series, step, revision), and of the last revision that it is the log's."""
    newest = _newest(values)
    _compare(newest, _expected(events), {0: max((end_ms for end_ms, _ in newest), default=0)})


def check_long_windows(values: Iterable[bytes], events: Iterable[Counted], settings: Settings) -> None:
    """Require the same of long windows, shard by shard up to its last step."""
    newest, last_ms = _newest(values), dict[int, int]()
    for end_ms, series in newest:
        shard = shard_of(series, settings.partitions)
        last_ms[shard] = max(end_ms, last_ms.get(shard, 0))
    sizes_ms, step_ms = {name: window_ms(name) for name in settings.long_windows}, settings.long_pane_seconds * 1_000
    _compare(newest, _expected(events, sizes_ms, step_ms), last_ms, settings.partitions)


def _newest(values: Iterable[bytes]) -> dict[Step, StatsRecord]:
    newest: dict[Step, StatsRecord] = {}
    contents: dict[tuple[Step, int], StatsRecord] = {}
    for value in values:
        found = msgspec.json.decode(value, type=StatsRecord)
        step = (found.step_end_ms, Series(found.environment, found.service, found.operation))
        other = contents.setdefault((step, found.revision), found)
        what = f"{step}, revision {found.revision}:\n{other}\n{found}"
        require("stats contents", what, holds=other.windows == found.windows)
        if step not in newest or newest[step].revision < found.revision:
            newest[step] = found
    return newest


def _compare(
    newest: dict[Step, StatsRecord], expected: dict[Step, dict[str, Tally]], last_ms: dict[int, int], shards: int = 1
) -> None:
    for step in expected:
        if step[0] <= last_ms.get(shard_of(step[1], shards), 0):
            require("windows", f"{step} was never emitted", holds=step in newest)
    for step, record in newest.items():
        for name, window in record.windows.items():
            tally = expected.get(step, {}).get(name, Tally())
            wanted, found = _figures(tally), _shown(window)
            require("windows", f"{step}, {name}: {found}, in the log {wanted}", holds=wanted == found)


def _expected(
    events: Iterable[Counted], sizes_ms: Mapping[str, int] = WINDOWS_MS, step_ms: int = PANE_MS
) -> dict[Step, dict[str, Tally]]:
    found: defaultdict[Step, defaultdict[str, Tally]] = defaultdict(lambda: defaultdict(Tally))
    for one in events:
        first_ms = (one.pane_ms // step_ms + 1) * step_ms
        for name, size_ms in sizes_ms.items():
            for end_ms in range(first_ms, one.pane_ms + size_ms + 1, step_ms):
                for series in one.rollups:
                    found[end_ms, series][name].add(one.element)
    return {step: dict(windows) for step, windows in found.items()}


PLAIN = ("events", "calls", "failures", "client_errors", "timeouts", "cancelled", "error_events")


def _figures(tally: Tally) -> tuple[Any, ...]:
    plain = tuple(tally.scalars[COLUMN[name]] for name in PLAIN)
    severities = tuple(tally.scalars[COLUMN[f"errors_{name}"]] for name in ("warning", "error", "critical"))
    statuses = {str(code): calls for code, calls in tally.statuses.items()}
    if tally.most_us < 0:
        return (*plain, severities, statuses, None, None, None, None)
    p50, p99 = (_nearest_rank_ms(tally, quantile) for quantile in (0.5, 0.99))
    return (*plain, severities, statuses, tally.least_us / 1_000, tally.most_us / 1_000, p50, p99)


def _nearest_rank_ms(tally: Tally, quantile: float) -> float:
    left = max(math.ceil(quantile * sum(tally.buckets.values()) - 1e-9), 1)
    for bucket, calls in sorted(tally.buckets.items()):
        left -= calls
        if left <= 0:
            return _estimate_ms(bucket)
    raise AssertionError("a rank beyond all calls")


@cache
def _estimate_ms(bucket: int) -> float:
    return float(estimate_us(bucket)) / 1_000


def _shown(window: WindowStats) -> tuple[Any, ...]:
    plain = tuple(getattr(window, name) for name in PLAIN)
    of = window.errors_by_severity
    severities = (of.warning, of.error, of.critical)
    return (*plain, severities, window.status_codes, window.min_ms, window.max_ms, window.p50_ms, window.p99_ms)
