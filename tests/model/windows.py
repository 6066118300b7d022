"""Sliding windows, counted one by one, against what `stats` says."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from typing import Any

import msgspec

from pipeline.core.block import COLUMN
from pipeline.core.histogram import estimate_us
from pipeline.core.series import Series
from schemas.structs import StatsRecord, WindowStats
from tests.model.tally import PANE_MS, Counted, Tally
from tests.model.watch import require

WINDOWS_MS = {"30s": 30_000, "1m": 60_000}
LONGEST_MS = max(WINDOWS_MS.values())

Step = tuple[int, Series]


def check_windows(values: Iterable[bytes], events: Iterable[Counted]) -> None:
    """Require one content for each (series, step, revision), and of the last revision that it is the log's."""
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
    _compare(newest, _expected(events))


def _compare(newest: dict[Step, StatsRecord], expected: dict[Step, dict[str, Tally]]) -> None:
    last_ms = max((end_ms for end_ms, _ in newest), default=0)
    for step in expected:
        if step[0] <= last_ms:
            require("windows", f"{step} was never emitted", holds=step in newest)
    for step, record in newest.items():
        for name, window in record.windows.items():
            tally = expected.get(step, {}).get(name, Tally())
            wanted, found = _figures(tally), _shown(window)
            require("windows", f"{step}, {name}: {found}, in the log {wanted}", holds=wanted == found)


def _expected(events: Iterable[Counted]) -> dict[Step, dict[str, Tally]]:
    found: defaultdict[Step, defaultdict[str, Tally]] = defaultdict(lambda: defaultdict(Tally))
    for one in events:
        for name, size_ms in WINDOWS_MS.items():
            for end_ms in range(one.pane_ms + PANE_MS, one.pane_ms + size_ms + PANE_MS, PANE_MS):
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
