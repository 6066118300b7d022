"""Windows recomputed from panes: of one series, any steps and any length, by differences of running totals.

It shares with the evaluator what a bucket's estimate is, and nothing else: no window is carried along here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.core.block import COLUMN, NO_MIN_US, Int64s
from pipeline.core.histogram import ESTIMATES_US

Floats = npt.NDArray[np.float64]
QUANTILES = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99, "p999_ms": 0.999}
COUNTS = (
    *("events", "calls", "failures", "client_errors", "timeouts", "cancelled", "error_events"),
    *("errors_warning", "errors_error", "errors_critical"),
)
FIGURES = (
    *("rate_per_second", "rate_per_minute", "errors_per_second", "error_rate", "success_rate", "trend_ratio"),
    *("avg_ms", "min_ms", "max_ms", *QUANTILES),
)
"""Columns of `window_stats_log` that follow from panes alone (slow calls follow from a threshold as well)."""


@dataclass(frozen=True, slots=True)
class Panes:
    """What sources contributed to the panes of one series, in any order; a pane may stand there several times.

    - `place`: int64 (n,), number of the pane from the beginning of the range
    - `scalars`: int64 (n, len(ADDITIVE)); `extremes`: int64 (n, 2)
    - `hist_row`, `hist_index`, `hist_count`: the histograms, entry by entry, with the row that each belongs to
    - `status_row`, `status_code`, `status_count`: the same for status codes
    """

    place: Int64s
    scalars: Int64s
    extremes: Int64s
    hist_row: Int64s
    hist_index: Int64s
    hist_count: Int64s
    status_row: Int64s
    status_code: Int64s
    status_count: Int64s


class Totals:
    """Running totals of one series over `length` panes of `pane_ms`."""

    def __init__(self, panes: Panes, length: int, pane_ms: int) -> None:
        self._pane_ms = pane_ms
        self._scalars = _running(panes.place, panes.scalars, length)
        self.buckets, self._hist = _by_key(panes.place[panes.hist_row], panes.hist_index, panes.hist_count, length)
        self.codes, self._status = _by_key(panes.place[panes.status_row], panes.status_code, panes.status_count, length)
        self._least = np.full(length, NO_MIN_US)
        np.minimum.at(self._least, panes.place, panes.extremes[:, 0])
        self._greatest = np.full(length, -1)
        np.maximum.at(self._greatest, panes.place, panes.extremes[:, 1])

    def seen(self, first: Int64s, end: Int64s) -> npt.NDArray[np.bool_]:
        """Return of each span ``[first, end)`` of panes whether it has an event."""
        counted = self._scalars[:, [COLUMN["events"], COLUMN["error_events"]]].sum(axis=1)
        return np.asarray(counted[end] > counted[first])

    def counts(self, first: Int64s, end: Int64s) -> dict[str, Int64s]:
        """Return the counts of each window ``[first, end)``."""
        sums = self._scalars[end] - self._scalars[first]
        return {name: sums[:, COLUMN[name]] for name in COUNTS}

    def status(self, first: Int64s, end: Int64s) -> Int64s:
        """Return calls by status code, shape (windows, len(codes))."""
        return np.asarray(self._status[end] - self._status[first])

    def figures(self, first: Int64s, end: Int64s) -> dict[str, Floats]:
        """Return rates and durations of each window, NaN where there is none. All windows have one length."""
        sums = self._scalars[end] - self._scalars[first]
        calls, seconds = sums[:, COLUMN["calls"]], (end - first) * self._pane_ms / 1_000
        error_rate = _ratio(sums[:, COLUMN["failures"]], calls - sums[:, COLUMN["cancelled"]])
        return {
            "rate_per_second": calls / seconds,
            "rate_per_minute": calls * 60 / seconds,
            "errors_per_second": sums[:, COLUMN["error_events"]] / seconds,
            "error_rate": error_rate,
            "success_rate": 1 - error_rate,
            "trend_ratio": self._trend(first, end),
            "avg_ms": _ratio(sums[:, COLUMN["latency_sum_us"]], calls) / 1_000,
            **self._extremes(first, end, calls > 0),
            **self._quantiles(first, end),
        }

    def _trend(self, first: Int64s, end: Int64s) -> Floats:
        calls, half = self._scalars[:, COLUMN["calls"]], (end - first) // 2
        return _ratio(calls[end] - calls[end - half], calls[first + half] - calls[first]) - 1

    def _extremes(self, first: Int64s, end: Int64s, called: npt.NDArray[np.bool_]) -> dict[str, Floats]:
        length = int((end - first)[0]) if first.size else 1
        least = np.lib.stride_tricks.sliding_window_view(self._least, length)[first].min(axis=1)
        greatest = np.lib.stride_tricks.sliding_window_view(self._greatest, length)[first].max(axis=1)
        return {
            "min_ms": np.where(called & (least != NO_MIN_US), least / 1_000, np.nan),
            "max_ms": np.where(called & (greatest >= 0), greatest / 1_000, np.nan),
        }

    def _quantiles(self, first: Int64s, end: Int64s) -> dict[str, Floats]:
        if not self.buckets.size:
            return {name: np.full(first.size, np.nan) for name in QUANTILES}
        upto = np.cumsum(self._hist[end] - self._hist[first], axis=1)
        total = upto[:, -1]
        found = {}
        for name, quantile in QUANTILES.items():
            rank = np.maximum(np.ceil(quantile * total - 1e-9), 1)
            place = np.minimum((upto < rank[:, None]).sum(axis=1), self.buckets.size - 1)
            found[name] = np.where(total > 0, ESTIMATES_US[self.buckets[place] + 1] / 1_000, np.nan)
        return found


def differs(expected: npt.NDArray[np.generic], found: npt.NDArray[np.generic]) -> npt.NDArray[np.bool_]:
    """Return where two columns are not equal; NaN equals NaN."""
    unequal = expected != found
    if np.issubdtype(expected.dtype, np.floating):
        unequal &= ~(np.isnan(expected.astype(np.float64)) & np.isnan(found.astype(np.float64)))
    return np.asarray(unequal)


def by_code(codes: Int64s, calls: Int64s) -> Mapping[int, int]:
    """Return calls by status code, without those that have none."""
    return {int(code): int(count) for code, count in zip(codes, calls, strict=True) if count}


def _running(place: Int64s, values: Int64s, length: int) -> Int64s:
    """Return totals before each pane and after the last, shape (length + 1, columns)."""
    totals = np.zeros((length + 1, values.shape[1]), np.int64)
    np.add.at(totals, place + 1, values)
    return np.cumsum(totals, axis=0)


def _by_key(place: Int64s, key: Int64s, count: Int64s, length: int) -> tuple[Int64s, Int64s]:
    """Return the keys in use, ascending, and running totals with a column for each."""
    keys, column = np.unique(key, return_inverse=True)
    totals = np.zeros((length + 1, keys.size), np.int64)
    np.add.at(totals, (place + 1, column), count)
    return keys, np.cumsum(totals, axis=0)


def _ratio(of: Int64s, to: Int64s) -> Floats:
    quotients: Floats = np.full(of.shape, np.nan)
    np.divide(of, to, out=quotients, where=to > 0)
    return quotients
