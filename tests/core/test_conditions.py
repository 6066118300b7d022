import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core import histogram
from pipeline.core.conditions import measure, value_at
from pipeline.core.measures.figures import Figures
from pipeline.core.measures.percentiles import bucket_columns
from pipeline.core.rules import (
    Absence,
    Condition,
    ErrorRate,
    ResponseTime,
    Rule,
    SlowOperations,
    SuccessRate,
    Threshold,
)
from tests.scenarios.timeline import PAY, START_MS, Calls, columns, rollups

P95 = ResponseTime()


def rule(condition: Condition, *thresholds: float) -> Rule:
    names = ("info", "warning", "critical")
    found = tuple(Threshold(name, value) for name, value in zip(names, thresholds, strict=False))  # type: ignore[arg-type]
    return Rule(name="a", condition=condition, thresholds=found)


def level_of(one: Rule, *events: Calls) -> tuple[int, bool, float | None]:
    """Level, whether anything was known, and value of PAY over a window of one minute."""
    figures = Figures(columns(list(events), list(rollups(PAY)), START_MS, START_MS + 60_000), bucket_columns([one]))
    measured = measure(one, figures)
    return int(measured.level[0]), bool(measured.known[0]), value_at(one, figures, 0)


def calls(number: int, failures: int = 0, **more: int) -> Calls:
    return Calls(START_MS, PAY, number, failures, **more)


@pytest.mark.parametrize(
    ("total", "failures", "level"),
    [
        (100, 2, 0),
        (50, 1, 0),
        (10_000, 200, 0),
        (10_000, 201, 1),
        (100, 3, 1),
        (100, 5, 1),
        (10_000, 501, 2),
        (3, 3, 2),
    ],
)
def test_an_error_rate_of_exactly_the_threshold_is_no_breach_and_the_least_above_it_is(
    total: int, failures: int, level: int
) -> None:
    found = level_of(rule(ErrorRate(), 0.02, 0.05), calls(total, failures))
    assert found == (level, True, failures / total)


@pytest.mark.parametrize(("failures", "level"), [(5, 0), (6, 1), (10, 1), (11, 2), (100, 2)])
def test_a_success_rate_of_exactly_the_threshold_is_no_breach_and_the_least_below_it_is(
    failures: int, level: int
) -> None:
    assert level_of(rule(SuccessRate(), 0.95, 0.9), calls(100, failures)) == (level, True, (100 - failures) / 100)


def test_cancelled_calls_count_in_neither_rate() -> None:
    events = calls(100, 3, cancelled=40)
    assert level_of(rule(ErrorRate(), 0.05), events) == (0, True, 0.05)
    assert level_of(rule(SuccessRate(), 0.95), events) == (0, True, 0.95)


def test_client_errors_can_be_left_out_of_both_rates() -> None:
    events = calls(100, 10, client_errors=8)
    assert level_of(rule(ErrorRate(exclude_client_errors=True), 0.02), events) == (0, True, 0.02)
    assert level_of(rule(SuccessRate(exclude_client_errors=True), 0.98), events) == (0, True, 0.98)


def test_rates_are_taken_over_weighted_calls() -> None:
    found = level_of(rule(ErrorRate(), 0.02), calls(10, 1, weight=9), calls(10, weight=1))
    assert found == (1, True, 9 / 100)


@pytest.mark.parametrize("condition", [ErrorRate(), SuccessRate(), P95, ResponseTime("avg"), ResponseTime("max")])
def test_an_empty_window_has_nothing_to_judge(condition: Condition) -> None:
    assert level_of(rule(condition, 0.5)) == (0, False, None)


def test_only_cancelled_calls_are_nothing_to_judge() -> None:
    assert level_of(rule(ErrorRate(), 0.0), calls(30, cancelled=30)) == (0, False, None)


def test_an_average_and_a_maximum_are_exact() -> None:
    events = (calls(3, duration_us=1_000_000), calls(1, duration_us=1_000_004))
    assert level_of(rule(ResponseTime("avg"), 1_000_001), *events) == (0, True, 1_000_001)
    assert level_of(rule(ResponseTime("avg"), 1_000_000), *events) == (1, True, 1_000_001)
    assert level_of(rule(ResponseTime("max"), 1_000_004), *events) == (0, True, 1_000_004)
    assert level_of(rule(ResponseTime("max"), 1_000_003), *events) == (1, True, 1_000_004)


@pytest.mark.parametrize(("slow", "level"), [(5, 0), (6, 1)])
def test_p95_looks_at_the_call_at_the_nearest_rank(slow: int, level: int) -> None:
    events = (calls(100 - slow, duration_us=10_000), calls(slow, duration_us=1_500_000))
    found = level_of(rule(P95, 1_000_000), *events)
    assert found[0] == level
    assert found[2] == pytest.approx(1_500_000 if level else 10_000, rel=histogram.ALPHA)


@given(
    durations=st.lists(st.integers(0, histogram.MAX_US), min_size=1, max_size=40),
    quantile=st.floats(0.01, 0.999),
    limits=st.lists(st.integers(1, histogram.MAX_US), min_size=1, max_size=3, unique=True),
)
@settings(max_examples=100, deadline=None)
def test_a_percentile_is_compared_just_as_its_reported_value_would_be(
    durations: list[int], quantile: float, limits: list[int]
) -> None:
    one = rule(ResponseTime(quantile=quantile), *sorted(limits))
    level, known, value = level_of(one, *(calls(1, duration_us=duration) for duration in durations))
    assert known
    assert value is not None
    assert level == sum(value > limit for limit in limits)


@pytest.mark.parametrize(("slow", "level"), [(3, 0), (4, 1), (10, 1), (11, 2)])
def test_slow_operations_are_counted_per_minute_of_the_whole_window(slow: int, level: int) -> None:
    events = (calls(50, duration_us=10_000), calls(slow, duration_us=1_000_000))
    assert level_of(rule(SlowOperations(), 3, 10), *events) == (level, True, slow)


def test_a_window_of_five_minutes_counts_slow_operations_per_minute() -> None:
    one = rule(SlowOperations(), 3)
    window = columns([calls(16, duration_us=2_000_000)], list(rollups(PAY)), START_MS - 240_000, START_MS + 60_000)
    assert value_at(one, Figures(window, bucket_columns([one])), 0) == pytest.approx(3.2)


def test_no_slow_operation_is_a_value_and_not_a_lack_of_one() -> None:
    assert level_of(rule(SlowOperations(), 3)) == (0, True, 0)


def test_many_rules_share_one_pass_over_the_histograms() -> None:
    rules = [rule(P95, 500_000 * n) for n in range(1, 9)] + [
        rule(SlowOperations(slow_from_us=10**n), 0) for n in range(2, 7)
    ]
    events = [calls(7, duration_us=10**n) for n in range(1, 8)]
    rows = list(rollups(PAY))
    figures = Figures(columns(events, rows, START_MS, START_MS + 60_000), bucket_columns(rules))
    for one in rules:
        assert measure(one, figures).level.tolist() == [level_of(one, *events)[0]] * 3


def test_a_threshold_beyond_every_bucket_is_never_passed() -> None:
    assert level_of(rule(P95, 1e12), calls(5, duration_us=histogram.MAX_US))[0] == 0


def test_absence_is_not_measured_over_a_window() -> None:
    with pytest.raises(TypeError, match="absence is not measured"):
        level_of(rule(Absence(), 60_000), calls(1))
