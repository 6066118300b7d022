"""Burn rate: how many times faster than the objective allows failures come (The Site Reliability Workbook, ch. 5)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from pipeline.core.measures.figures import Figures, Floats
from pipeline.core.rules import BurnRate, Threshold


def allowed_ratio(objective: float) -> Decimal:
    """Return the error rate that an objective allows: exactly 0.001 for 0.999, which floats do not give."""
    return 1 - Decimal(repr(objective))


def limits(condition: BurnRate, thresholds: Sequence[Threshold]) -> list[float]:
    """Return the error rate at each threshold's factor: the float nearest to it, so the edge is exact."""
    return [float(Decimal(repr(one.value)) * allowed_ratio(condition.objective)) for one in thresholds]


def error_rates(condition: BurnRate, figures: Figures) -> Floats:
    """Return the lesser of the error rates of both windows, shape (rows,); NaN where either has no call.

    Both are above a limit just where the lesser one is.
    """
    without = condition.exclude_client_errors

    def make() -> Floats:
        both = (figures, figures.beside(condition.short_window))
        return np.asarray(np.minimum(*(one.rates(exclude_client_errors=without) for one in both)))

    return figures.once(("burn", condition.short_window, without), make)


def burn_rates(condition: BurnRate, figures: Figures) -> Floats:
    """Return the lesser burn rate of both windows, shape (rows,); NaN where either has no call."""
    return error_rates(condition, figures) / float(allowed_ratio(condition.objective))
