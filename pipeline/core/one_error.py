"""Which rules a single error fires, and with how many calls around it."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.core.measures.burn import limits
from pipeline.core.rules import BurnRate, ErrorCount, ErrorRate, ErrorsPerSecond, Rule, SuccessRate


@dataclass(frozen=True, slots=True)
class OneError:
    """One failure fires the rule with `least` to `most` calls in its window; `most` None: with any number."""

    least: int
    most: int | None


def one_error(rule: Rule, window_ms: int) -> OneError | None:
    """Return with how many calls one failure (or one error event) is a breach of a rule, None where it never is.

    Of ratios of calls, error counts and error rates; `window_ms` is how long the rule's window is. (Critical errors
    are meant to fire on one, and durations do not fail.)
    """
    limit = rule.thresholds[0].value
    if isinstance(rule.condition, ErrorCount | ErrorsPerSecond):
        value = 1 if isinstance(rule.condition, ErrorCount) else 1_000 / window_ms
        return OneError(0, None) if value > limit and rule.min_samples <= 1 else None
    if isinstance(rule.condition, BurnRate):
        limit = limits(rule.condition, rule.thresholds)[0]
    elif isinstance(rule.condition, SuccessRate):
        limit = 1 - limit
    elif not isinstance(rule.condition, ErrorRate):
        return None
    if limit == 0:
        return OneError(rule.min_samples, None)
    most = int(1 / limit) + 1
    while most and not _fires(rule, most, limit):
        most -= 1
    return OneError(rule.min_samples, most) if most >= rule.min_samples else None


def _fires(rule: Rule, calls: int, limit: float) -> bool:
    if isinstance(rule.condition, SuccessRate):
        return (calls - 1) / calls < rule.thresholds[0].value
    return 1 / calls > limit
