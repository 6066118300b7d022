"""Change: a figure of the window over the same figure of the time before it, inside a longer kept window."""

from __future__ import annotations

import numpy as np

from pipeline.core.measures.figures import SECOND_MS, Bools, Figures, Floats, divide
from pipeline.core.rules import Change


def factors(condition: Change, figures: Figures) -> Floats:
    """Return the factor of each row, shape (rows,); NaN where there is nothing to compare, now or before.

    Without a failure before, one is assumed: a factor has an end then, and grows with the calls that went well.
    """

    def make() -> Floats:
        before = figures.earlier(condition.against)
        if condition.of == "error_rate":
            failed_before = np.where(before.judged() > 0, np.maximum(before.failed(), 1), 0)
            return divide(figures.failed() * before.judged(), failed_before * figures.judged())
        if condition.of == "throughput":
            seconds, seconds_before = figures.length_ms // SECOND_MS, before.length_ms // SECOND_MS
            return divide(figures.count("calls") * seconds_before, before.count("calls") * seconds)
        quantile, out = condition.quantile, np.full(len(figures.window.scalars), np.nan)
        then_us = before.quantiles_us(quantile)
        np.divide(figures.quantiles_us(quantile), then_us, out=out, where=then_us > 0)
        return out

    return figures.once((condition.of, condition.against, condition.quantile), make)


def enough(condition: Change, figures: Figures, min_samples: int) -> Bools:
    """Return where there are calls enough to compare; a throughput is judged by those before: now there may be none."""
    then = figures.earlier(condition.against).count("events") >= min_samples
    return then if condition.of == "throughput" else then & (figures.count("events") >= min_samples)
