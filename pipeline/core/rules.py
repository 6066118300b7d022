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
Side = Literal["below", "above"]
ErrorSeverity = Literal["warning", "error", "critical"]
NoData = Literal["ok", "alert", "keep"]

DEFAULT_COOLDOWN_MS = 300_000
DEFAULT_KEEP_FIRING_MS = 60_000
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


class ErrorCount(_Condition, frozen=True, tag="error_count"):
    """Error events of a severity or graver in the window, above a number."""

    least: ErrorSeverity = "warning"


class ErrorsPerSecond(_Condition, frozen=True, tag="errors_per_second"):
    """Error events of a severity or graver per second of the whole window, above a number."""

    least: ErrorSeverity = "warning"


class Throughput(_Condition, frozen=True, tag="throughput"):
    """Calls per second of the whole window, below (or above) a number.

    `older` is a longer window: only a series with a call in it before the rule's own can have fallen below.
    """

    side: Side = "below"
    older: str = ""  # empty: judged from the first call on


class Budget(_Condition, frozen=True, tag="budget"):
    """A statistic of the durations as a share of what is allowed for it, above a ratio (1: all of it)."""

    budget_us: int
    statistic: Literal["avg", "max", "percentile"] = "percentile"
    quantile: float = 0.95


class BurnRate(_Condition, frozen=True, tag="burn_rate"):
    """How many times faster than the objective allows failures come, above a factor, in two windows at once.

    The rule's window is the long one. Burn rate = error rate / (1 - objective) (The Site Reliability Workbook, ch. 5).
    """

    objective: float  # such as 0.999, in (0, 1)
    short_window: str
    exclude_client_errors: bool = False


class Change(_Condition, frozen=True, tag="change"):
    """A figure of the window over the same figure of the time before it, above (or below) a factor.

    The time before is what `against`, a longer window, holds besides the rule's own: `[end - against, end - window)`.
    """

    of: Literal["error_rate", "throughput", "response_time"]
    against: str
    side: Side = "above"
    quantile: float = 0.95  # used by `response_time`


class Resource(_Condition, frozen=True, tag="resource"):
    """A statistic of a sampled metric, above (or below) a value in the metric's own unit."""

    metric: str
    statistic: Literal["last", "avg", "max", "rate"] = "last"
    side: Side = "above"


Condition = (
    ErrorRate
    | SuccessRate
    | ResponseTime
    | SlowOperations
    | CriticalError
    | Absence
    | ErrorCount
    | ErrorsPerSecond
    | Throughput
    | Budget
    | BurnRate
    | Change
    | Resource
)


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
    keep_firing_ms: int = 0  # how long a breach must be over before the alert is
    recovery: tuple[Threshold, ...] = ()  # where a severity that was reached ends; without one, at its threshold
    no_data: NoData = "ok"  # what an empty window means while an alert is active
    confidence: float | None = None  # of a ratio the bound of Wilson's interval is judged, not the estimate
    message: str = ""  # template of the summary; empty: the pipeline's own
    runbook: str = ""  # link for whoever is called

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
