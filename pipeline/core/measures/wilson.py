"""How sure a rate is: the bound of Wilson's score interval, for rules that say `confidence`.

Of three calls of which one failed the rate is 33 %, but nobody knows yet whether it is above 5 %. The bound does.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from pipeline.core.measures.figures import Figures, Floats, Int64s
from pipeline.core.rules import ErrorRate, SuccessRate


def wilson_bounds(rates: Floats, trials: Int64s, confidence: float, *, upper: bool) -> Floats:
    """Return the lower (or upper) bound of each rate, shape (rows,); NaN where there is no trial.

    One-sided: with a probability of `confidence`, in [0.5, 1), the true rate is not below (above) it. Never outside
    [0, 1]; the more trials, the nearer to the rate. E. B. Wilson, "Probable Inference, the Law of Succession, and
    Statistical Inference", Journal of the American Statistical Association 22 (1927), p. 209-212::

        (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n)
    """
    z = NormalDist().inv_cdf(confidence)
    n = np.where(trials > 0, trials, np.nan)
    half = z * np.sqrt(rates * (1 - rates) / n + z * z / (4 * n * n))
    bounds = (rates + z * z / (2 * n) + (half if upper else -half)) / (1 + z * z / n)
    return np.clip(bounds, 0.0, 1.0)


def rate_bounds(condition: ErrorRate | SuccessRate, figures: Figures, confidence: float) -> Floats:
    """Return what is judged of each row instead of its rate: of errors the lower bound, of successes the upper one.

    A sampled event tells of itself alone, whatever its weight, so trials are the events and not the calls.
    """
    success, exclude = isinstance(condition, SuccessRate), condition.exclude_client_errors

    def make() -> Floats:
        rates = figures.rates(success=success, exclude_client_errors=exclude)
        trials = np.minimum(figures.judged(), figures.count("events"))
        return wilson_bounds(rates, trials, confidence, upper=success)

    return figures.once(("wilson", success, exclude, confidence), make)
