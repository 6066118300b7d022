import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core import histogram
from pipeline.core.conditions import level_of_none, measure, value_at, waits_for_watermark, windows_of
from pipeline.core.rules import (
    Budget,
    BurnRate,
    Change,
    Condition,
    ErrorCount,
    ErrorRate,
    ErrorsPerSecond,
    Resource,
    ResponseTime,
    Throughput,
)
from tests.core.measured_windows import ago, figures_of, is_enough, judged, rule
from tests.scenarios.timeline import Calls


@pytest.mark.parametrize(("errors", "level"), [(0, 0), (10, 0), (11, 1), (100, 1), (101, 2)])
def test_an_error_count_of_exactly_the_threshold_is_no_breach_and_one_more_is(errors: int, level: int) -> None:
    assert judged(rule(ErrorCount(), 10, 100), ago(1, errors=errors)) == (level, errors)


@pytest.mark.parametrize(("least", "count"), [("warning", 6), ("error", 5), ("critical", 3)])
def test_errors_are_counted_from_a_severity_on(least: str, count: int) -> None:
    condition = ErrorCount(least)  # type: ignore[arg-type]
    assert judged(rule(condition, 0), ago(1, warnings=1, errors=2, criticals=3)) == (1, count)


@pytest.mark.parametrize(("errors", "level"), [(30, 0), (31, 1)])
def test_errors_per_second_are_taken_over_the_whole_window(errors: int, level: int) -> None:
    found = judged(rule(ErrorsPerSecond(), 0.1, window="5m"), ago(0.1, errors=errors))
    assert found == (level, errors / 300)


def test_no_error_is_a_count_and_not_a_lack_of_one() -> None:
    assert judged(rule(ErrorCount(), 0), ago(1, 5)) == (0, 0)


@pytest.mark.parametrize(("calls", "level"), [(0, 2), (59, 2), (60, 1), (119, 1), (120, 0), (500, 0)])
def test_a_throughput_of_exactly_the_threshold_is_no_breach_and_one_call_less_is(calls: int, level: int) -> None:
    found = judged(rule(Throughput(), 2, 1), ago(1, calls))
    assert found == (level, calls / 60)


@pytest.mark.parametrize(("calls", "level"), [(120, 0), (121, 1)])
def test_a_throughput_can_be_too_great(calls: int, level: int) -> None:
    assert judged(rule(Throughput(side="above"), 2), ago(1, calls))[0] == level


def test_throughput_counts_calls_by_weight() -> None:
    assert judged(rule(Throughput(), 2), ago(1, 12, weight=10)) == (0, 2)


def test_a_series_that_has_just_begun_has_not_fallen() -> None:
    falls = rule(Throughput(older="5m"), 2, min_samples=0)
    assert not is_enough(falls, ago(1, 5))
    assert is_enough(falls, ago(1.01, 1))
    assert is_enough(falls, ago(1.01, 1), ago(1, 5))
    assert not is_enough(falls, ago(5.01, 100))


def test_whoever_counts_knows_what_a_series_counts_that_is_gone() -> None:
    assert level_of_none(rule(Throughput(), 2, 1)) == 2
    assert level_of_none(rule(Throughput(side="above"), 2)) == 0
    assert level_of_none(rule(ErrorCount(), 0)) == 0
    assert level_of_none(rule(ErrorRate(), 0.02)) is None


@pytest.mark.parametrize(
    ("condition", "waits"),
    [
        (Throughput(), True),
        (Throughput(side="above"), False),
        (Change(of="throughput", against="5m", side="below"), True),
        (Change(of="throughput", against="5m"), False),
        (Change(of="error_rate", against="5m", side="below"), False),
        (ErrorRate(), False),
    ],
)
def test_what_is_low_in_a_window_that_is_not_full_yet_waits_for_the_watermark(
    condition: Condition,
    waits: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    assert waits_for_watermark(rule(condition, 1)) is waits


BUDGETS = st.sampled_from([1, 7, 250_000, 1_000_000, histogram.MAX_US])


@given(
    budget_us=BUDGETS,
    durations=st.lists(st.integers(0, histogram.MAX_US), min_size=1, max_size=20),
    limits=st.lists(st.sampled_from([0.5, 0.8, 1.0, 1.2, 3.0]), min_size=1, max_size=3, unique=True),
    statistic=st.sampled_from(["avg", "max", "percentile"]),
)
@settings(max_examples=100, deadline=None)
def test_a_budget_is_compared_just_as_its_reported_share_would_be(
    budget_us: int, durations: list[int], limits: list[float], statistic: str
) -> None:
    one = rule(Budget(budget_us=budget_us, statistic=statistic), *sorted(limits))  # type: ignore[arg-type]
    level, value = judged(one, *(ago(1, 1, duration_us=duration) for duration in durations))
    assert value is not None
    assert level == sum(value > limit for limit in limits)


@pytest.mark.parametrize(("duration_us", "level"), [(800_000, 0), (800_001, 1), (1_000_000, 1), (1_000_001, 2)])
def test_a_budget_warns_above_four_fifths_and_is_critical_when_spent(duration_us: int, level: int) -> None:
    budget = Budget(budget_us=1_000_000, statistic="max")
    assert judged(rule(budget, 0.8, 1.0), ago(1, 3, duration_us=duration_us)) == (level, duration_us / 1_000_000)


BURN = BurnRate(objective=0.999, short_window="5m")


@pytest.mark.parametrize(("failures", "level"), [(144, 0), (145, 1)])
def test_a_burn_rate_of_exactly_the_factor_is_no_breach_and_one_failure_more_is(failures: int, level: int) -> None:
    found = judged(rule(BURN, 14.4, window="1h"), ago(4, 10_000, failures))
    assert found[0] == level
    assert found[1] == pytest.approx(failures / 10)


@given(nines=st.sampled_from([0.9, 0.99, 0.995, 0.999, 0.9995, 0.9999]), factor=st.sampled_from([1.0, 3.0, 6.0, 7.2]))
@settings(max_examples=30, deadline=None)
def test_the_edge_of_a_burn_rate_is_exact_for_every_objective(nines: float, factor: float) -> None:
    one = rule(BurnRate(objective=nines, short_window="5m"), factor, window="1h")
    edge = round(factor * (1 - nines) * 1_000_000)
    assert judged(one, ago(1, 1_000_000, edge))[0] == 0
    assert judged(one, ago(1, 1_000_000, edge + 1))[0] == 1


def test_a_burn_rate_needs_both_windows_and_shows_the_lesser() -> None:
    one = rule(BURN, 14.4, window="1h")
    nothing_now = judged(one, ago(30, 500, 500))
    over, begun = judged(one, ago(30, 500, 500), ago(4, 500, 5)), judged(one, ago(30, 99_000), ago(4, 1_000, 1_000))
    lasting = judged(one, ago(30, 500, 500), ago(4, 500, 10))
    assert [level for level, _ in (nothing_now, over, begun, lasting)] == [0, 0, 0, 1]
    assert nothing_now[1] is None
    assert [value for _, value in (over, begun, lasting)] == [pytest.approx(value) for value in (10, 10, 20)]


@pytest.mark.parametrize(("failures", "level"), [(30, 0), (31, 1)])
def test_a_change_of_the_error_rate_is_against_the_time_before_alone(failures: int, level: int) -> None:
    one = rule(Change(of="error_rate", against="5m"), 3)
    found = judged(one, ago(1.01, 1_000, 10), ago(1, 1_000, failures))
    assert found == (level, failures / 10)


def test_without_a_failure_before_one_is_assumed() -> None:
    one = rule(Change(of="error_rate", against="5m"), 3)
    assert judged(one, ago(2, 1_000), ago(1, 1_000, 3)) == (0, 3)
    assert judged(one, ago(2, 1_000), ago(1, 1_000, 4)) == (1, 4)


@pytest.mark.parametrize(("calls", "level"), [(50, 0), (49, 1), (0, 1)])
def test_a_change_of_the_throughput_is_of_calls_per_second(calls: int, level: int) -> None:
    one = rule(Change(of="throughput", against="5m", side="below"), 0.5)
    found = judged(one, ago(4, 400), ago(1, calls))  # 100 a minute before
    assert found == (level, calls / 100)


def test_a_change_of_the_response_time_is_of_the_estimates() -> None:
    one = rule(Change(of="response_time", against="5m", quantile=0.5), 1.9, 2.1)
    events = [*(ago(3, 1, duration_us=10_000) for _ in range(9)), ago(1, 5, duration_us=20_000)]
    level, value = judged(one, *events)
    assert level == 1
    assert value == pytest.approx(2, rel=2 * histogram.ALPHA)


def test_nothing_before_or_nothing_now_is_no_change() -> None:
    for of in ("error_rate", "response_time"):
        one = rule(Change(of=of, against="5m"), 1)
        assert judged(one, ago(1, 100, 5)) == (0, None)
        assert judged(one, ago(3, 100, 5)) == (0, None)
    assert judged(rule(Change(of="throughput", against="5m", side="below"), 1), ago(1, 100)) == (0, None)


def test_a_change_needs_samples_before_and_a_throughput_none_now() -> None:
    rates = rule(Change(of="error_rate", against="5m"), 3)
    assert is_enough(rates, ago(2, 20), ago(1, 20))
    assert not is_enough(rates, ago(2, 19), ago(1, 20))
    assert not is_enough(rates, ago(2, 20), ago(1, 19))
    falls = rule(Change(of="throughput", against="5m", side="below"), 0.5)
    assert is_enough(falls, ago(2, 20))
    assert not is_enough(falls, ago(2, 19), ago(1, 100))


spread = st.lists(
    st.tuples(st.integers(1, 299_999), st.integers(1, 9), st.integers(0, 9), st.integers(0, histogram.MAX_US)),
    max_size=20,
)


@given(events=spread)
@settings(max_examples=60, deadline=None)
def test_the_time_before_is_the_longer_window_less_the_rules_own_exactly(
    events: list[tuple[int, int, int, int]],
) -> None:
    one = rule(Change(of="error_rate", against="5m"), 1)
    calls = [ago(at / 60_000, n, min(bad, n), duration_us=us) for at, n, bad, us in events]
    before = figures_of(one, calls).earlier("5m").window
    alone = figures_of(rule(ErrorRate(), 1, window="5m"), [event for event in calls if event.at_ms < before.end_ms])
    assert np.array_equal(before.scalars, alone.window.scalars)
    assert np.array_equal(before.hist, alone.window.hist)


def test_a_rule_says_which_windows_it_looks_at() -> None:
    assert windows_of(rule(BURN, 14.4, window="1h")) == ("1h", "5m")
    assert windows_of(rule(Change(of="error_rate", against="15m"), 3)) == ("1m", "15m")
    assert windows_of(rule(Throughput(older="1h"), 3)) == ("1m", "1h")
    assert windows_of(rule(Throughput(), 3)) == windows_of(rule(ResponseTime(), 3)) == ("1m",)


def test_a_sampled_metric_is_not_measured_yet() -> None:
    one = rule(Resource("memory"), 1)
    figures = figures_of(one, list[Calls]())
    with pytest.raises(TypeError, match="resource is not measured"):
        measure(one, figures)
    with pytest.raises(TypeError, match="resource is not measured"):
        value_at(one, figures, 0)
