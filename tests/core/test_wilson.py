"""The bounds of rates are Wilson's, and a rule that asks for them waits for evidence."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.measures.wilson import wilson_bounds
from tests.scenarios.timeline import Timeline

Z_95 = 1.6448536269514722


def bound(successes: int, trials: int, confidence: float = 0.95, *, upper: bool = False) -> float:
    rates = np.array([successes / trials if trials else np.nan])
    return float(wilson_bounds(rates, np.array([trials]), confidence, upper=upper)[0])


@pytest.mark.parametrize(
    ("failed", "calls", "lower"),
    # Both roots of (p - q)² = z² q (1-q) / n, which is how the interval is defined, worked out by hand for p = 1.
    [(1, 1, 1 / (1 + Z_95**2)), (10, 10, 10 / (10 + Z_95**2)), (0, 10, 0.0)],
)
def test_the_lower_bound_where_it_is_known_in_closed_form(failed: int, calls: int, lower: float) -> None:
    assert bound(failed, calls) == pytest.approx(lower, abs=1e-12)
    assert bound(calls - failed, calls, upper=True) == pytest.approx(1 - lower, abs=1e-12)


@given(st.integers(1, 10**6), st.floats(0, 1), st.floats(0.5, 0.9999))
def test_the_bounds_solve_the_equation_that_defines_them(trials: int, share: float, confidence: float) -> None:
    failed = round(share * trials)
    rate = failed / trials
    z = NormalDist().inv_cdf(confidence)
    for upper in (False, True):
        found = bound(failed, trials, confidence, upper=upper)
        assert 0 <= found <= 1
        assert found >= rate - 1e-12 if upper else found <= rate + 1e-12
        assert math.isclose((rate - found) ** 2, z * z * found * (1 - found) / trials, rel_tol=1e-6, abs_tol=1e-9)


@given(st.integers(0, 200), st.integers(0, 200), st.floats(0.5, 0.999))
def test_more_evidence_of_the_same_rate_brings_the_bound_nearer(failed: int, passed: int, confidence: float) -> None:
    trials = failed + passed + 1
    assert bound(failed, trials, confidence) <= bound(10 * failed, 10 * trials, confidence) + 1e-12


def test_of_no_calls_nothing_is_known() -> None:
    assert math.isnan(bound(0, 0))


def test_half_a_confidence_is_the_rate_itself() -> None:
    assert bound(3, 20, 0.5) == pytest.approx(3 / 20)


RULE = """rules:
  - {name: errors, type: error_rate, window: 1m, severities: {warning: 5%}, min_samples: 1, confidence: 0.95, keep_firing: 0}
"""


def test_three_failures_of_thirty_wake_nobody_and_thirty_of_three_hundred_do() -> None:
    line = Timeline(RULE)
    line.traffic.add(5, 30, 3)
    assert line.run(0, 10) == []
    line.traffic.add(15, 270, 27)
    (fired,) = line.step(20)
    alert = fired.state.last_transition
    assert alert.value == pytest.approx(0.1)
    assert alert.bound == pytest.approx(bound(30, 300))
    assert bound(3, 30) < 0.05 < bound(30, 300)


def test_a_rule_without_a_confidence_has_no_bound() -> None:
    line = Timeline(RULE.replace("confidence: 0.95, ", ""))
    line.traffic.add(5, 30, 3)
    (fired,) = line.step(10)
    assert fired.state.last_transition.bound is None


def test_a_sampled_event_is_evidence_for_itself_alone_whatever_its_weight() -> None:
    line = Timeline(RULE)
    line.traffic.add(5, 30, 3, weight=10)
    assert line.run(0, 10) == []


def test_a_success_rate_is_held_at_its_upper_bound() -> None:
    line = Timeline(RULE.replace("error_rate", "success_rate").replace("warning: 5%", "warning: 95%"))
    line.traffic.add(5, 30, 3)
    assert line.run(0, 10) == []
    line.traffic.add(15, 270, 27)
    (fired,) = line.step(20)
    assert fired.state.last_transition.bound == pytest.approx(1 - bound(30, 300))
