"""What conditions are about, as far as events are shown that are behind them: failed calls, or how long calls took."""

from __future__ import annotations

from pipeline.core.rules import (
    Budget,
    BurnRate,
    Change,
    Condition,
    ErrorRate,
    ResponseTime,
    SuccessRate,
)


def is_of_failures(condition: Condition) -> bool:
    """Whether a condition is about the share of calls that failed."""
    rates = ErrorRate | SuccessRate | BurnRate
    return isinstance(condition, rates) or (isinstance(condition, Change) and condition.of == "error_rate")


def is_of_durations(condition: Condition) -> bool:
    """Whether a condition is about a statistic of durations."""
    durations = ResponseTime | Budget
    return isinstance(condition, durations) or (isinstance(condition, Change) and condition.of == "response_time")
