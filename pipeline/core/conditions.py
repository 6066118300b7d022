"""How each condition is measured: all series of a window at once. `measures/` has the arithmetic.

`level` 0 is no breach, 1 the first threshold, and so on. Comparisons are exact: counts are whole numbers, a ratio is
one division of two of them (correctly rounded, so 2 of 100 is not above 2 %), and percentiles are compared by rank
with the bucket estimates of `histogram.py` (within 0.5416 %).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.core.measures import burn, change, wilson
from pipeline.core.measures.figures import Bools, Figures, Floats, Int64s
from pipeline.core.measures.percentiles import Levels, percentile_levels, percentile_of, whole_us
from pipeline.core.measures.shapes import shape_of
from pipeline.core.rules import (
    Budget,
    BurnRate,
    Change,
    Condition,
    ErrorCount,
    ErrorRate,
    ErrorsPerSecond,
    ResponseTime,
    Rule,
    SlowOperations,
    SuccessRate,
    Threshold,
    Throughput,
)

OfErrors = ErrorCount | ErrorsPerSecond
_Counted = ErrorCount | ErrorsPerSecond | Throughput


@dataclass(frozen=True, slots=True)
class Measured:
    """One rule over all rows of a window: `level` (rows,), and where there was anything to judge, `known` (rows,)."""

    level: Levels
    known: Bools


def windows_of(rule: Rule) -> tuple[str, ...]:
    """Return the windows that a rule looks at, its own first; absence and critical errors look at none."""
    condition = rule.condition
    if isinstance(condition, BurnRate):
        return rule.window, condition.short_window
    if isinstance(condition, Change):
        return rule.window, condition.against
    if isinstance(condition, Throughput) and condition.older:
        return rule.window, condition.older
    return (rule.window,)


def measure(rule: Rule, figures: Figures) -> Measured:
    """Return how all rows stand under a rule over a window. About 20 µs for 1,000 rows once the figures are made.

    Raises TypeError for conditions that no window measures (critical_error, absence, resource).
    """
    percentile = percentile_of(rule.condition)
    if percentile is not None:
        return Measured(*percentile_levels(percentile, rule.thresholds, figures))
    if isinstance(rule.condition, BurnRate):
        rates = burn.error_rates(rule.condition, figures)
        return Measured(_levels(rates, burn.limits(rule.condition, rule.thresholds), below=False), ~np.isnan(rates))
    values = _judged(rule, figures)
    return Measured(_levels_of(rule, values, rule.thresholds), ~np.isnan(values))


def _judged(rule: Rule, figures: Figures) -> Floats:
    """What is held against the thresholds: of a rate with a `confidence` its bound, else the value."""
    if rule.confidence is not None and isinstance(rule.condition, ErrorRate | SuccessRate):
        return wilson.rate_bounds(rule.condition, figures, rule.confidence)
    return _values(rule.condition, figures)


def _levels_of(rule: Rule, values: Floats, thresholds: Sequence[Threshold]) -> Levels:
    return _levels(values, [one.value for one in thresholds], below=shape_of(rule.condition).comparison == "<")


def _levels(values: Floats, limits: Sequence[float], *, below: bool) -> Levels:
    level = np.zeros(len(values), np.int8)
    for limit in limits:
        level += values < limit if below else values > limit
    return level


def _values(condition: Condition, figures: Figures) -> Floats:
    """Every row's value in the condition's own unit, NaN where there is nothing to judge."""
    if isinstance(condition, ErrorRate | SuccessRate):
        return figures.rates(
            success=isinstance(condition, SuccessRate), exclude_client_errors=condition.exclude_client_errors
        )
    if isinstance(condition, ResponseTime | Budget):
        return _durations(condition, figures)
    if isinstance(condition, SlowOperations):
        return figures.slow_per_minute(condition.slow_from_us)
    if isinstance(condition, _Counted):
        return _counts(condition, figures)
    if isinstance(condition, BurnRate):
        return burn.burn_rates(condition, figures)
    if isinstance(condition, Change):
        return change.factors(condition, figures)
    raise TypeError(f"{condition.type} is not measured over a window")


def _durations(condition: ResponseTime | Budget, figures: Figures) -> Floats:
    found_us = figures.averages_us() if condition.statistic == "avg" else figures.greatest_us()
    return found_us / whole_us(condition)


def _counts(condition: _Counted, figures: Figures) -> Floats:
    counts = figures.count("calls") if isinstance(condition, Throughput) else figures.errors(condition.least)
    return counts.astype(np.float64) if isinstance(condition, ErrorCount) else figures.per_second(counts)


def value_at(rule: Rule, figures: Figures, row: int) -> float | None:
    """Return one row's value in the condition's own unit, None where there is nothing to measure."""
    percentile = percentile_of(rule.condition)
    if percentile is not None:
        value = figures.quantile_at(row, percentile.quantile) / whole_us(percentile)
    else:
        value = float(_values(rule.condition, figures)[row])
    return None if np.isnan(value) else value


def bound_at(rule: Rule, figures: Figures, row: int) -> float | None:
    """Return what is judged in place of one row's value, None where the value itself is."""
    bound = float(_judged(rule, figures)[row]) if rule.confidence is not None else np.nan
    return None if np.isnan(bound) else bound


# ---- how much a value rests on


def samples(rule: Rule, figures: Figures) -> Int64s:
    """Return how many events each row's value was taken over, each counted as one: calls, or error events."""
    return figures.count("error_events" if isinstance(rule.condition, OfErrors) else "events")


def enough(rule: Rule, figures: Figures) -> Bools:
    """Return the rows of which there is enough to begin an alert, shape (rows,).

    A throughput that is too low is believed of series that had a call before the window: others have just begun.
    """
    condition = rule.condition
    if isinstance(condition, Change):
        return change.enough(condition, figures, rule.min_samples)
    found = np.asarray(samples(rule, figures) >= rule.min_samples)
    if isinstance(condition, Throughput) and condition.side == "below" and condition.older:
        found &= figures.beside(condition.older).count("events") > figures.count("events")
    return found


def looks_for_too_few(rule: Rule) -> bool:
    """Return whether a rule is about calls that are not made: what is not counted yet looks just the same."""
    condition = rule.condition
    counts = isinstance(condition, Throughput) or (isinstance(condition, Change) and condition.of == "throughput")
    return counts and shape_of(condition).comparison == "<"


def waits_for_watermark(rule: Rule) -> bool:
    """Return whether a rule is decided on the watermark alone: by its own wish, or as a window fills up until then."""
    return rule.on_time or looks_for_too_few(rule)


def level_of_none(rule: Rule) -> int | None:
    """Return the level of a series that has left all windows; None: there is nothing to judge. Counts are 0 then."""
    if not isinstance(rule.condition, _Counted):
        return None
    return int(_levels_of(rule, np.zeros(1), rule.thresholds)[0])
