"""Percentiles against thresholds, by rank: no quantile is worked out for anyone who asks not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from pipeline.core import histogram
from pipeline.core.measures.figures import Bools, Figures
from pipeline.core.rules import Budget, Condition, ResponseTime, Rule, SlowOperations, Threshold

Levels = npt.NDArray[np.int8]
Percentile = ResponseTime | Budget


def percentile_of(condition: Condition) -> Percentile | None:
    """Return the condition if a percentile is what it judges."""
    if isinstance(condition, ResponseTime | Budget) and condition.statistic == "percentile":
        return condition
    return None


def bucket_columns(rules: Iterable[Rule]) -> tuple[int, ...]:
    """Return the histogram columns at which the rules cut, ascending, each once."""
    columns: set[int] = set()
    for rule in rules:
        percentile = percentile_of(rule.condition)
        if isinstance(rule.condition, SlowOperations):
            columns.add(histogram.threshold_column(rule.condition.slow_from_us))
        elif percentile is not None:
            columns.update(_column_above(percentile, threshold.value) for threshold in rule.thresholds)
    return tuple(sorted(columns))


def whole_us(condition: Percentile) -> int:
    """Return by what durations are divided before they are compared: a budget, or nothing."""
    return condition.budget_us if isinstance(condition, Budget) else 1


def _column_above(condition: Percentile, value: float) -> int:
    """Return the first dense column whose estimate is greater than a threshold, just as it would be reported."""
    return int(np.searchsorted(histogram.ESTIMATES_US / whole_us(condition), value, side="right"))


def percentile_levels(condition: Percentile, thresholds: Sequence[Threshold], figures: Figures) -> tuple[Levels, Bools]:
    """Return how many thresholds each row's percentile is above, and where there was a call at all."""
    total = figures.total()
    ranks = np.maximum(np.ceil(condition.quantile * total - 1e-9), 1)
    level = np.zeros(len(total), np.int8)
    for threshold in thresholds:
        level += figures.below(_column_above(condition, threshold.value)) < ranks
    known = total > 0
    return np.where(known, level, 0).astype(np.int8), known
