"""How each condition is measured: all series of a window at once.

`level` 0 is no breach, 1 the first threshold, and so on. Comparisons are exact: counts are whole numbers, a ratio is
one division of two of them (correctly rounded, so 2 of 100 is not above 2 %), and percentiles are compared by rank
with the bucket estimates of `histogram.py` (within 0.5416 %), without working out a quantile for anyone who asks not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from pipeline.core import histogram
from pipeline.core.block import COLUMN
from pipeline.core.rules import Condition, ErrorRate, ResponseTime, Rule, SlowOperations, SuccessRate
from pipeline.core.step_view import WindowColumns

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Levels = npt.NDArray[np.int8]

MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Measured:
    """One rule over all rows of a window: `level` (rows,), and where there was anything to judge, `known` (rows,)."""

    level: Levels
    known: Bools


@dataclass(frozen=True, slots=True)
class Shape:
    """How a condition's values are shown: `value / scale` in `unit`; a breach is `value comparison threshold`."""

    unit: str
    comparison: str
    scale: float = 1


SHAPES = {
    "error_rate": Shape("ratio", ">"),
    "success_rate": Shape("ratio", "<"),
    "response_time": Shape("ms", ">", 1_000),
    "slow_operations": Shape("per_minute", ">"),
    "critical_error": Shape("count", ">"),
    "absence": Shape("s", ">=", 1_000),
}

_Made = TypeVar("_Made")


def bucket_columns(rules: Iterable[Rule]) -> tuple[int, ...]:
    """Return the histogram columns at which the rules cut, ascending, each once."""
    columns: set[int] = set()
    for rule in rules:
        if isinstance(rule.condition, SlowOperations):
            columns.add(histogram.threshold_column(rule.condition.slow_from_us))
        elif isinstance(rule.condition, ResponseTime) and rule.condition.statistic == "percentile":
            columns.update(_column_above(threshold.value) for threshold in rule.thresholds)
    return tuple(sorted(columns))


def _column_above(duration_us: float) -> int:
    """Return the first dense column whose estimate is greater than a duration."""
    return int(np.searchsorted(histogram.ESTIMATES_US, duration_us, side="right"))


class Figures:
    """One window's columns with what rules make of them; each is made once, when first asked for."""

    def __init__(self, window: WindowColumns, cuts: tuple[int, ...]) -> None:
        self.window = window
        self._cuts = cuts
        self._made: dict[object, object] = {}

    def count(self, column: str) -> Int64s:
        """Return one column of `block.ADDITIVE`, shape (rows,)."""
        return self.window.scalars[:, COLUMN[column]]

    def once(self, key: object, make: Callable[[], _Made]) -> _Made:
        """Return what `make` returned the first time it was asked for under `key`."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]  # type: ignore[return-value]  # a key is used with one type only

    def below(self, column: int) -> Int64s:
        """Return the calls in histogram columns before one of the cuts, by weight, shape (rows,)."""
        return self._cumulative()[:, self._cuts.index(column)]

    def total(self) -> Int64s:
        """Return all calls in the histogram, by weight, shape (rows,)."""
        return self._cumulative()[:, -1]

    def _cumulative(self) -> Int64s:
        """Calls before each cut and, last, all of them: one pass over the histograms for all rules together."""

        def make() -> Int64s:
            starts = sorted({0, *(cut for cut in self._cuts if cut < histogram.WIDTH)})
            parts = np.add.reduceat(self.window.hist, starts, axis=1, dtype=np.int64)
            sums = np.concatenate([np.zeros((len(parts), 1), np.int64), np.cumsum(parts, axis=1)], axis=1)
            places = [*(int(np.searchsorted(starts, cut)) for cut in self._cuts), len(starts)]
            return np.asarray(sums[:, places])

        return self.once("cumulative", make)

    def rates(self, *, success: bool, exclude_client_errors: bool) -> Floats:
        """Return failed (or succeeded) calls per call not cancelled, shape (rows,); NaN where there is none."""

        def make() -> Floats:
            judged = self.count("calls") - self.count("cancelled")
            failed = self.count("failures") - (self.count("client_errors") if exclude_client_errors else 0)
            return _divide(judged - failed if success else failed, judged)

        return self.once(("rate", success, exclude_client_errors), make)

    def averages_us(self) -> Floats:
        """Return the mean duration, shape (rows,); NaN where there is no call."""
        return self.once("avg", lambda: _divide(self.count("latency_sum_us"), self.count("calls")))

    def slow_per_minute(self, slow_from_us: int) -> Floats:
        """Return calls of a duration and longer per minute of the whole window, shape (rows,)."""

        def make() -> Floats:
            column = histogram.threshold_column(slow_from_us)
            minutes_ms = self.window.end_ms - self.window.start_ms
            return _divide((self.total() - self.below(column)) * MINUTE_MS, np.full_like(self.total(), minutes_ms))

        return self.once(("slow", slow_from_us), make)


def _divide(upper: Int64s, lower: Int64s) -> Floats:
    out = np.full(len(upper), np.nan)
    np.divide(upper, lower, out=out, where=lower > 0)
    return out


def measure(rule: Rule, figures: Figures) -> Measured:
    """Return how all rows stand under a rule over a window. About 20 µs for 1,000 rows once the figures are made.

    Raises TypeError for conditions that no window measures (critical_error, absence).
    """
    condition = rule.condition
    if isinstance(condition, ResponseTime) and condition.statistic == "percentile":
        return _percentile_measured(rule, condition, figures)
    values = _values(condition, figures)
    below = SHAPES[rule.type].comparison == "<"
    level = np.zeros(len(values), np.int8)
    for threshold in rule.thresholds:
        level += values < threshold.value if below else values > threshold.value
    return Measured(level, ~np.isnan(values))


def _percentile_measured(rule: Rule, condition: ResponseTime, figures: Figures) -> Measured:
    total = figures.total()
    ranks = np.maximum(np.ceil(condition.quantile * total - 1e-9), 1)
    level = np.zeros(len(total), np.int8)
    for threshold in rule.thresholds:
        level += figures.below(_column_above(threshold.value)) < ranks
    known = total > 0
    return Measured(np.where(known, level, 0).astype(np.int8), known)


def _values(condition: Condition, figures: Figures) -> Floats:
    if isinstance(condition, ErrorRate | SuccessRate):
        return figures.rates(
            success=isinstance(condition, SuccessRate), exclude_client_errors=condition.exclude_client_errors
        )
    if isinstance(condition, SlowOperations):
        return figures.slow_per_minute(condition.slow_from_us)
    if isinstance(condition, ResponseTime) and condition.statistic == "avg":
        return figures.averages_us()
    if isinstance(condition, ResponseTime):
        return np.where(figures.window.max_us < 0, np.nan, figures.window.max_us)
    raise TypeError(f"{condition.type} is not measured over a window")


def value_at(rule: Rule, figures: Figures, row: int) -> float | None:
    """Return one row's value in the condition's own unit, None where there is nothing to measure."""
    condition = rule.condition
    if isinstance(condition, ResponseTime) and condition.statistic == "percentile":
        value = float(histogram.quantiles_us(figures.window.hist[[row]], (condition.quantile,))[0, 0])
    else:
        value = float(_values(condition, figures)[row])
    return None if np.isnan(value) else value
