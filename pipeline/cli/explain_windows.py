"""A rule as it is now against what a window held then, as far as window stats say it."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.core.conditions import OfErrors
from pipeline.core.measures.figures import GRAVER
from pipeline.core.measures.percentiles import whole_us
from pipeline.core.rules import (
    Budget,
    BurnRate,
    Condition,
    ErrorCount,
    ErrorRate,
    ResponseTime,
    Rule,
    SlowOperations,
    SuccessRate,
    Throughput,
)

Window = Mapping[str, float | None]
_QUANTILES = {0.5: "p50_ms", 0.95: "p95_ms", 0.99: "p99_ms", 0.999: "p999_ms"}
_US_IN_MS = 1_000


class UnsaidError(Exception):
    """Window stats do not hold what a rule measures."""


def samples_of(rule: Rule, window: Window) -> int:
    """Return how many events a rule's value was taken over."""
    return round(_number(window, "error_events" if isinstance(rule.condition, OfErrors) else "events"))


def value_of(
    rule: Rule, windows: Mapping[str, Window], lengths: Mapping[str, int], slow_threshold_ms: float
) -> float | None:
    """Return what a rule measures in its window, in its own unit; None where there was nothing to measure.

    `lengths` is the length of each window in ms. Raises UnsaidError where window stats do not say it.
    """
    window, condition = windows[rule.window], rule.condition
    if isinstance(condition, ErrorRate | SuccessRate):
        rate = _error_rate(window, exclude=condition.exclude_client_errors)
        return rate if rate is None or isinstance(condition, ErrorRate) else 1 - rate
    if isinstance(condition, ResponseTime | Budget):
        duration_ms = _duration_ms(condition, window)
        return None if duration_ms is None else duration_ms * _US_IN_MS / whole_us(condition)
    if isinstance(condition, SlowOperations) and condition.slow_from_us == slow_threshold_ms * _US_IN_MS:
        return window["slow_per_minute"]
    if isinstance(condition, BurnRate):
        return _burn_rate(condition, [windows.get(name, {}) for name in (rule.window, condition.short_window)])
    return _count(condition, window, lengths[rule.window] / 1_000)


def _count(condition: Condition, window: Window, seconds: float) -> float:
    if isinstance(condition, Throughput):
        return _number(window, "calls") / seconds
    if isinstance(condition, OfErrors):
        errors = sum(_number(window, column) for column in GRAVER[condition.least])
        return errors if isinstance(condition, ErrorCount) else errors / seconds
    raise UnsaidError


def _burn_rate(condition: BurnRate, windows: list[Window]) -> float | None:
    rates = [_error_rate(window, exclude=condition.exclude_client_errors) for window in windows if window]
    known = [rate for rate in rates if rate is not None]
    return min(known) / (1 - condition.objective) if len(known) == len(windows) else None


def _error_rate(window: Window, *, exclude: bool) -> float | None:
    judged = _number(window, "calls") - _number(window, "cancelled")
    failed = _number(window, "failures") - (_number(window, "client_errors") if exclude else 0)
    return failed / judged if judged else None


def _duration_ms(condition: ResponseTime | Budget, window: Window) -> float | None:
    if condition.statistic != "percentile":
        return window[f"{condition.statistic}_ms"]
    column = _QUANTILES.get(condition.quantile)
    if column is None:
        raise UnsaidError
    return window[column]


def _number(window: Window, column: str) -> float:
    return window[column] or 0
