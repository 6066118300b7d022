"""Conditions in a rules file: what the keys of each type of rule become."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Protocol, TypeVar, cast

from pipeline import rules_values as values
from pipeline.core.rules import (
    DEFAULT_HOLD_MS,
    Absence,
    Budget,
    BurnRate,
    Change,
    Condition,
    CriticalError,
    ErrorCount,
    ErrorRate,
    ErrorSeverity,
    ErrorsPerSecond,
    GroupBy,
    ResponseTime,
    Side,
    SlowOperations,
    SuccessRate,
    Throughput,
)
from pipeline.core.window_config import beside
from pipeline.rules_thresholds import objective
from pipeline.settings import window_ms

_Value = TypeVar("_Value")


class Fields(Protocol):
    """The keys of one rule, as a type reads them. Mistakes are noted; what comes back then means nothing."""

    windows: Sequence[str]  # those that are kept
    window: str
    group_by: GroupBy

    def __contains__(self, key: str) -> bool:
        """Whether the rule has a key."""

    def take(self, key: str, read: Callable[[object], _Value], default: _Value) -> _Value:
        """Return what a key says, or the default where it is absent or wrong."""

    def problem(self, key: str, text: str) -> None:
        """Note a mistake at a key."""

    def need(self, key: str, example: str) -> bool:
        """Note a key that is missing; return whether it is there."""


Statistic = Literal["avg", "max", "percentile"]
_ERRORS = values.one_of("warning", "error", "critical")
_SIDES = values.one_of("below", "above")


def longest(windows: Sequence[str]) -> str:
    """Return the longest of the windows that are kept."""
    return max(windows, key=window_ms)


def default_window(windows: Sequence[str], wanted: str = "5m") -> str:
    """Return the window of rules that name none: `wanted`, or the longest that is shorter, or the shortest."""
    by_length = sorted(windows, key=window_ms)
    return next((name for name in reversed(by_length) if window_ms(name) <= window_ms(wanted)), by_length[0])


def _statistic(fields: Fields) -> tuple[Statistic, float]:
    kind, quantile = fields.take("statistic", values.statistic, ("percentile", 0.95))
    return cast(Statistic, kind), quantile


def response_time(fields: Fields) -> Condition:
    """Read `response_time`."""
    statistic, quantile = _statistic(fields)
    return ResponseTime(statistic=statistic, quantile=quantile)


def error_rate(fields: Fields) -> Condition:
    """Read `error_rate`."""
    return ErrorRate(exclude_client_errors=fields.take("exclude_client_errors", values.flag, default=False))


def success_rate(fields: Fields) -> Condition:
    """Read `success_rate`."""
    return SuccessRate(exclude_client_errors=fields.take("exclude_client_errors", values.flag, default=False))


def slow_operations(fields: Fields) -> Condition:
    """Read `slow_operations`."""
    return SlowOperations(slow_from_us=fields.take("slow_from", values.latency_us, 1_000_000))


def critical_error(fields: Fields) -> Condition:
    """Read `critical_error`."""
    return CriticalError(hold_ms=fields.take("hold", values.long_duration_ms, DEFAULT_HOLD_MS))


def absence(fields: Fields) -> Condition:
    """Read `absence`."""
    return Absence(expect=fields.take("expect", lambda value: values.expected_series(value, fields.group_by), ()))


def error_count(fields: Fields) -> Condition:
    """Read `error_count`."""
    return ErrorCount(least=cast(ErrorSeverity, fields.take("least", _ERRORS, "warning")))


def errors_per_second(fields: Fields) -> Condition:
    """Read `errors_per_second`."""
    return ErrorsPerSecond(least=cast(ErrorSeverity, fields.take("least", _ERRORS, "warning")))


def throughput(fields: Fields) -> Condition:
    """Read `throughput`."""
    side, older = cast(Side, fields.take("side", _SIDES, "below")), longest(beside(fields.windows, fields.window))
    if side == "above":
        return Throughput(side=side)
    if older == fields.window:
        fields.problem(
            "window",
            f"window: {older} is the longest that is kept, and whether a series has fallen or has just begun is seen "
            f"in a longer one; allowed: a shorter window, or keep a longer one too (the settings PIPELINE_WINDOWS, "
            "PIPELINE_LONG_WINDOWS)",
        )
    return Throughput(side=side, older=older)


def budget(fields: Fields) -> Condition:
    """Read `budget`."""
    fields.need("budget", "1s")
    statistic, quantile = _statistic(fields)
    return Budget(budget_us=fields.take("budget", values.latency_us, 1_000_000), statistic=statistic, quantile=quantile)


def burn_rate(fields: Fields) -> Condition:
    """Read `burn_rate`."""
    fields.need("objective", "99.9%")
    shorter = [name for name in beside(fields.windows, fields.window) if window_ms(name) < window_ms(fields.window)]
    # A twelfth of the long window, as in The Site Reliability Workbook, chapter 5.
    twelfth_ms = window_ms(fields.window) // 12
    default = max((name for name in shorter if window_ms(name) <= twelfth_ms), key=window_ms, default="")
    if not default and "short_window" not in fields:
        fields.need("short_window", shorter[0] if shorter else "5m")
    return BurnRate(
        objective=fields.take("objective", objective, 0.999),
        short_window=fields.take("short_window", kept_window(shorter, f"shorter than {fields.window}"), default),
        exclude_client_errors=fields.take("exclude_client_errors", values.flag, default=False),
    )


def change(fields: Fields) -> Condition:
    """Read `change`."""
    fields.need("of", "error_rate")
    of = fields.take("of", values.one_of("error_rate", "throughput", "response_time"), "error_rate")
    longer = [name for name in beside(fields.windows, fields.window) if window_ms(name) > window_ms(fields.window)]
    default = longest(longer) if longer else ""
    if not default:
        fields.problem(
            "against",
            f"against: no window longer than {fields.window} is kept; allowed: a shorter window, or keep a longer one "
            "too (the settings PIPELINE_WINDOWS, PIPELINE_LONG_WINDOWS)",
        )
    return Change(
        of=cast(Literal["error_rate", "throughput", "response_time"], of),
        against=fields.take("against", kept_window(longer, f"longer than {fields.window}"), default),
        side=cast(Side, fields.take("side", _SIDES, "above")),
        quantile=fields.take("statistic", _percentile, 0.95),
    )


def _percentile(value: object) -> float:
    kind, quantile = values.statistic(value)
    if kind != "percentile":
        raise ValueError("a percentile such as p50, p95, p99 or p99.9")
    return quantile


def kept_window(windows: Sequence[str], which: str = "") -> Callable[[object], str]:
    """Return the reader of one of the windows that are kept, or of some of them: those `which` says."""

    def read(value: object) -> str:
        if value in windows:
            return str(value)
        those = f"a window that is kept{f' and is {which}' if which else ''}"
        raise ValueError(
            f"{those}: {', '.join(windows) or 'there is none'} (the settings PIPELINE_WINDOWS, PIPELINE_LONG_WINDOWS)"
        )

    return read
