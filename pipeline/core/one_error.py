"""Which rules a single error fires, and with how many calls around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.core.measures.burn import limits
from pipeline.core.measures.figures import Bools, Floats, Int64s
from pipeline.core.measures.wilson import wilson_bounds
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
    calls = np.arange(1, int(1 / limit) + 2)
    in_breach = calls[_breach(rule, calls, limit)]
    most = int(in_breach.max(initial=0))
    return OneError(max(rule.min_samples, int(in_breach.min())), most) if most >= max(rule.min_samples, 1) else None


def _breach(rule: Rule, calls: Int64s, limit: float) -> Bools:
    """Whether one failure among so many calls is a breach, as `conditions.py` has it."""
    if not isinstance(rule.condition, SuccessRate):
        return np.asarray(_bounds(rule, 1 / calls, calls) > limit)
    return np.asarray(_bounds(rule, (calls - 1) / calls, calls) < rule.thresholds[0].value)


def _bounds(rule: Rule, rates: Floats, calls: Int64s) -> Floats:
    if rule.confidence is None or isinstance(rule.condition, BurnRate):
        return rates
    return wilson_bounds(rates, calls, rule.confidence, upper=isinstance(rule.condition, SuccessRate))
