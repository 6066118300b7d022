"""The rules: what is watched, from which value on it is a breach, and how the alert behaves.

A rule is one condition (`conditions.py` says how each is measured) with thresholds by severity. More kinds of
condition join the union `Condition`; nothing else knows them all. Numbers stand in the condition's own unit:
ratios 0-1, durations of calls in microseconds, silences in milliseconds.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from pipeline.core.series import Series

Severity = Literal["info", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")
"""From the least to the gravest."""

GroupBy = Literal["operation", "service", "overall"]

DEFAULT_COOLDOWN_MS = 300_000
DEFAULT_MIN_SAMPLES = 20
DEFAULT_HOLD_MS = 300_000
DAY_MS = 86_400_000


class _Condition(msgspec.Struct, frozen=True, tag_field="type"):
    """Root of the conditions: the tag is the rule type."""

    @property
    def type(self) -> str:
        """The rule type, as in the rules file."""
        return str(self.__struct_config__.tag)


class ErrorRate(_Condition, frozen=True, tag="error_rate"):
    """Failed calls per call that was not cancelled, above a ratio."""

    exclude_client_errors: bool = False


class SuccessRate(_Condition, frozen=True, tag="success_rate"):
    """One less the error rate, below a ratio."""

    exclude_client_errors: bool = False


class ResponseTime(_Condition, frozen=True, tag="response_time"):
    """A statistic of the durations, above a duration in microseconds."""

    statistic: Literal["avg", "max", "percentile"] = "percentile"
    quantile: float = 0.95  # used by `percentile`, in (0, 1)

    @property
    def label(self) -> str:
        """`avg`, `max`, `p95`, `p99.9`."""
        return f"p{self.quantile * 100:.12g}" if self.statistic == "percentile" else self.statistic


class SlowOperations(_Condition, frozen=True, tag="slow_operations"):
    """Calls per minute that took a duration or longer, above a number."""

    slow_from_us: int = 1_000_000


class CriticalError(_Condition, frozen=True, tag="critical_error"):
    """Any error event of severity critical; over when none came for `hold_ms`."""

    hold_ms: int = DEFAULT_HOLD_MS


class Absence(_Condition, frozen=True, tag="absence"):
    """No event of any kind for a time in milliseconds.

    Expected are the series that had an event in the last 24 hours, or, if `expect` names any, those alone.
    """

    expect: tuple[Series, ...] = ()


Condition = ErrorRate | SuccessRate | ResponseTime | SlowOperations | CriticalError | Absence


class Threshold(msgspec.Struct, frozen=True):
    """From which value on, exclusive (absence: inclusive), a breach has this severity."""

    severity: Severity
    value: float


class Match(msgspec.Struct, frozen=True):
    """Globs (`*`, `?`, `[…]`) of which one each must fit; an empty tuple fits everything."""

    environment: tuple[str, ...] = ()
    service: tuple[str, ...] = ()
    operation: tuple[str, ...] = ()


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule. Immutable, JSON-ready, and known by its name: a changed name is another rule."""

    name: str
    condition: Condition
    thresholds: tuple[Threshold, ...]  # from the least severity to the gravest, at least one
    window: str = "5m"  # no meaning for critical_error and absence
    group_by: GroupBy = "operation"
    match: Match = Match()
    for_ms: int = 0
    cooldown_ms: int = DEFAULT_COOLDOWN_MS
    min_samples: int = DEFAULT_MIN_SAMPLES
    on_time: bool = False  # True: never decided before the watermark
    labels: dict[str, str] = {}

    @property
    def type(self) -> str:
        """The rule type, such as `error_rate`."""
        return self.condition.type

    def severity_at(self, level: int) -> Severity:
        """The severity of a level: 1 is the first threshold."""
        return self.thresholds[level - 1].severity


def rank(severity: str | None) -> int:
    """Return how grave a severity is: 0 for none, 1 for info, 3 for critical."""
    return 0 if severity is None else SEVERITIES.index(severity) + 1  # ValueError for any other
