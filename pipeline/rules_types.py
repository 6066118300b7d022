"""The types of rules in a rules file: which keys each takes, and how its thresholds are written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipeline import rules_conditions as conditions
from pipeline import rules_thresholds as thresholds
from pipeline import rules_values as values
from pipeline.core.rules import DEFAULT_MIN_SAMPLES, Condition


@dataclass(frozen=True, slots=True)
class RuleType:
    """One type: its own keys, how its condition is read, how a threshold of it is written.

    `threshold` takes the condition and the value; None: the type has one severity and no threshold.
    """

    keys: tuple[str, ...]
    read: Callable[[conditions.Fields], Condition]
    threshold: Callable[[Any, object], float] | None = None
    example: str = ""
    min_samples: int = DEFAULT_MIN_SAMPLES
    window: str = "5m"  # the default, where it is kept


def _plain(read: Callable[[object], float]) -> Callable[[Any, object], float]:
    return lambda _, value: read(value)


_ALWAYS = ("name", "type", "enabled", "match", "cooldown", "labels", "message", "runbook")
_MEASURED = (
    *_ALWAYS,
    *("group_by", "severities", "recovery", "window", "for", "keep_firing", "min_samples", "on_time"),
)
_RATE = (*_MEASURED, "no_data")  # of no calls there is no rate and no duration; a count of them is 0
_THROUGHPUT = tuple(key for key in _MEASURED if key != "min_samples")

TYPES: dict[str, RuleType] = {
    "error_rate": RuleType(
        (*_RATE, "exclude_client_errors", "confidence"),
        conditions.error_rate,
        _plain(thresholds.error_ratio),
        "{warning: 2%, critical: 5%}",
    ),
    "success_rate": RuleType(
        (*_RATE, "exclude_client_errors", "confidence"),
        conditions.success_rate,
        _plain(thresholds.success_ratio),
        "{warning: 95%, critical: 90%}",
    ),
    "response_time": RuleType(
        (*_RATE, "statistic"), conditions.response_time, _plain(values.latency_us), "{warning: 1s, critical: 2s}"
    ),
    # A number of slow calls, or of errors, is what it is, however few there are; a rate of few calls says little.
    "slow_operations": RuleType(
        (*_MEASURED, "slow_from"),
        conditions.slow_operations,
        _plain(thresholds.per_minute),
        "{warning: 3, critical: 10}",
        min_samples=1,
    ),
    "error_count": RuleType(
        (*_MEASURED, "least"), conditions.error_count, _plain(thresholds.whole), "{warning: 10}", min_samples=1
    ),
    "errors_per_second": RuleType(
        (*_MEASURED, "least"),
        conditions.errors_per_second,
        _plain(thresholds.per_second),
        "{warning: 0.1/s}",
        min_samples=1,
    ),
    "throughput": RuleType(
        (*_THROUGHPUT, "side"),
        conditions.throughput,
        thresholds.throughput,
        "{warning: 5/s, critical: 1/s}",
        min_samples=0,
    ),
    "budget": RuleType(
        (*_RATE, "budget", "statistic"),
        conditions.budget,
        thresholds.budget_share,
        "{warning: 80%, critical: 100%}",
    ),
    "burn_rate": RuleType(
        (*_RATE, "objective", "short_window", "exclude_client_errors"),
        conditions.burn_rate,
        thresholds.burn_factor,
        "{critical: 14.4}",
        window="1h",
    ),
    "change": RuleType(
        (*_RATE, "of", "against", "side", "statistic"), conditions.change, thresholds.change_factor, "{warning: 3}"
    ),
    "critical_error": RuleType((*_ALWAYS, "severity", "hold"), conditions.critical_error),
    "absence": RuleType(
        (*_ALWAYS, "group_by", "severities", "keep_firing", "expect"),
        conditions.absence,
        _plain(values.silence_ms),
        "{critical: 2m}",
    ),
}
"""What each type takes, and becomes."""

KEYS = {name: one.keys for name, one in TYPES.items()}

NOT_YET = {
    "resource": "samples (CPU, memory and the like) are kept in ClickHouse but not aggregated yet, so no rule can see "
    "them; until that is built, ask for them with `pipeline sql`"
}
"""Types that are to come, and why they are refused until then."""
