"""Which rules a single error fires, and with how many calls around it."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np

from pipeline.core.conditions import OfErrors
from pipeline.core.measures.burn import limits
from pipeline.core.measures.wilson import wilson_bounds
from pipeline.core.rules import BurnRate, ErrorCount, ErrorRate, Rule, SuccessRate

_MOST_CALLS = 10**15


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
    if isinstance(rule.condition, OfErrors):
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
    # The more calls, the less one failure says: from some number on it is no breach any more.
    calls = range(1, int(min(1 / limit, _MOST_CALLS)) + 2)
    most = bisect_left(calls, x=True, key=lambda count: not _breach(rule, count, limit))
    return OneError(max(rule.min_samples, 1), most) if most >= max(rule.min_samples, 1) else None


def _breach(rule: Rule, calls: int, limit: float) -> bool:
    """Whether one failure among so many calls is a breach, as `conditions.py` has it."""
    if not isinstance(rule.condition, SuccessRate):
        return _bound(rule, 1 / calls, calls) > limit
    return _bound(rule, (calls - 1) / calls, calls) < rule.thresholds[0].value


def _bound(rule: Rule, rate: float, calls: int) -> float:
    if rule.confidence is None or isinstance(rule.condition, BurnRate):
        return rate
    upper = isinstance(rule.condition, SuccessRate)
    return float(wilson_bounds(np.array([rate]), np.array([calls]), rule.confidence, upper=upper)[0])
