"""Every line of the default rules and of the presets, at the edge: what is exactly the threshold, and the least more.

The live engine runs them on made-up traffic.
"""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pipeline.core import histogram
from pipeline.core.series import Series
from pipeline.kept_windows import kept_windows
from pipeline.rehearsal.perform import Found, perform
from pipeline.rehearsal.script import Script, Traffic
from pipeline.rules_file import load_rules
from pipeline.settings import Settings

SETTINGS = Settings()
PAY = Series("prod", "checkout", "pay")
WINDOWS = kept_windows(SETTINGS)
PANE_MS = 10_000
LONG_STEP_MS = 300_000


def happened(rules: str, *traffic: Traffic, until_ms: int = 20_000) -> list[Found]:
    found = load_rules(Path(f"preset:{rules}"), WINDOWS)
    script = Script(
        file="",
        rules=tuple(found),
        windows=WINDOWS,
        traffic=traffic,
        expected=(),
        only=False,
        until_ms=until_ms,
    )
    return perform(script, SETTINGS)


def fired(rules: str, name: str, *traffic: Traffic, until_ms: int = 20_000) -> str | None:
    """The gravest severity at which a rule fires on PAY or its service; None: it does not."""
    found = [one.alert for one in happened(rules, *traffic, until_ms=until_ms) if one.alert.rule == name]
    severities = {alert.severity for alert in found if alert.state == "firing"}
    return "critical" if "critical" in severities else min(severities, default=None)


def calls(number: int, failed: int = 0, duration_us: int = 10_000) -> Traffic:
    """So many calls at one instant."""
    share = Fraction(failed, number)
    return Traffic(
        series=PAY, from_ms=1_000, every_ms=1, end_ms=1_001, calls=number, failed=share, duration_us=duration_us
    )


def errors(number: int, severity: str = "warning") -> Traffic:
    return Traffic(
        series=PAY,
        from_ms=1_000,
        every_ms=1,
        end_ms=1_001,
        calls=number,
        error=severity,  # type: ignore[arg-type]
    )


def later(traffic: Traffic, by_ms: int) -> Traffic:
    return replace(traffic, from_ms=traffic.from_ms + by_ms, end_ms=traffic.end_ms + by_ms)


def steady(minutes: int, calls_a_pane: int, failed: int = 0, duration_us: int = 10_000) -> Traffic:
    """The same in each pane."""
    return Traffic(
        series=PAY,
        from_ms=0,
        every_ms=PANE_MS,
        end_ms=minutes * 60_000,
        calls=calls_a_pane,
        failed=Fraction(failed, calls_a_pane),
        duration_us=duration_us,
    )


@pytest.mark.parametrize(
    ("failed", "severity"), [(200, None), (201, "warning"), (500, "warning"), (501, "critical"), (10_000, "critical")]
)
def test_the_error_rate_warns_above_2_percent_and_is_critical_above_5(failed: int, severity: str | None) -> None:
    assert fired("defaults", "error-rate", calls(10_000, failed)) == severity


@pytest.mark.parametrize(
    ("failed", "severity"), [(500, None), (501, "warning"), (1_000, "warning"), (1_001, "critical")]
)
def test_the_success_rate_warns_below_95_percent_and_is_critical_below_90(failed: int, severity: str | None) -> None:
    assert fired("defaults", "success-rate", calls(10_000, failed)) == severity


def test_one_cause_pages_once() -> None:
    found = happened("defaults", calls(10_000, 5_000))
    told = {one.alert.rule: one.alert.notify_reason for one in found if one.alert.state == "firing"}
    assert told == {"error-rate": "NOTIFY_FIRST", "success-rate": "SUPPRESS_HIDDEN"}


@pytest.mark.parametrize(
    ("limit_us", "below", "above"), [(1_000_000, None, "warning"), (2_000_000, "warning", "critical")]
)
def test_p95_warns_above_1_s_and_is_critical_above_2_s_of_the_estimate(
    limit_us: int, below: str | None, above: str
) -> None:
    first_above = int(np.searchsorted(histogram.ESTIMATES_US, limit_us, side="right"))
    longest_us, shortest_us = (int(2 ** ((column - 1) / 64)) + 1 for column in (first_above - 1, first_above))
    columns = histogram.index_of(np.array([longest_us, shortest_us])) + 1
    assert columns.tolist() == [first_above - 1, first_above]
    assert fired("defaults", "response-time", calls(94), calls(6, duration_us=longest_us)) == below
    assert fired("defaults", "response-time", calls(94), calls(6, duration_us=shortest_us)) == above


def test_p95_is_the_call_at_the_nearest_rank() -> None:
    assert fired("defaults", "response-time", calls(95), calls(5, duration_us=3_000_000)) is None
    assert fired("defaults", "response-time", calls(94), calls(6, duration_us=3_000_000)) == "critical"


@pytest.mark.parametrize(("slow", "severity"), [(15, None), (16, "warning"), (50, "warning"), (51, "critical")])
def test_slow_operations_warn_above_3_a_minute_and_are_critical_above_10(slow: int, severity: str | None) -> None:
    assert fired("defaults", "slow-operations", calls(100), calls(slow, duration_us=1_000_000)) == severity


def test_a_call_that_is_slow_took_a_second_or_longer() -> None:
    assert fired("defaults", "slow-operations", calls(100, duration_us=989_000)) is None


@pytest.mark.parametrize(("number", "severity"), [(10, None), (11, "warning"), (1_000, "warning")])
def test_more_than_10_errors_in_an_hour_warn(number: int, severity: str | None) -> None:
    assert fired("defaults", "error-count", errors(number)) == severity


def test_any_critical_error_is_critical() -> None:
    assert fired("defaults", "critical-error", errors(1_000, "error")) is None
    assert fired("defaults", "critical-error", errors(1, "critical")) == "critical"


@pytest.mark.parametrize("name", ["error-rate", "success-rate", "response-time"])
def test_rates_and_percentiles_need_20_samples(name: str) -> None:
    assert fired("defaults", name, calls(19, 19, duration_us=5_000_000)) is None
    assert fired("defaults", name, calls(20, 20, duration_us=5_000_000)) == "critical"


@pytest.mark.parametrize(("number", "severity"), [(100, None), (101, "critical")])
def test_more_than_100_errors_in_24_hours_are_critical(number: int, severity: str | None) -> None:
    assert fired("defaults", "error-count-day", errors(number), until_ms=LONG_STEP_MS) == severity


@pytest.mark.parametrize(("failed", "severity"), [(500, None), (501, "critical")])
def test_an_error_rate_above_5_percent_over_24_hours_is_critical(failed: int, severity: str | None) -> None:
    assert fired("defaults", "error-rate-day", calls(10_000, failed), until_ms=LONG_STEP_MS) == severity


def test_the_error_rate_of_a_day_is_believed_from_1000_calls_on() -> None:
    fewer, enough = (fired("defaults", "error-rate-day", calls(n, n), until_ms=LONG_STEP_MS) for n in (999, 1_000))
    assert (fewer, enough) == (None, "critical")


def test_errors_of_23_hours_ago_count_and_those_of_24_do_not() -> None:
    hour_ms = 3_600_000
    found = happened("defaults", errors(60), later(errors(41), 23 * hour_ms), until_ms=25 * hour_ms)
    day = [(one.at_ms, one.alert.state, one.alert.value) for one in found if one.alert.rule == "error-count-day"]
    assert day == [
        (23 * hour_ms + LONG_STEP_MS, "firing", 101),
        (24 * hour_ms + LONG_STEP_MS, "recovering", 41),
        (24 * hour_ms + 2 * LONG_STEP_MS, "resolved", 41),
    ]


@pytest.mark.parametrize(
    ("name", "failed", "severity"),
    [
        ("burn-rate-steady", 60, None),
        ("burn-rate-steady", 61, "critical"),
        ("burn-rate-day", 30, None),
        ("burn-rate-day", 31, "warning"),
        ("burn-rate-slow", 10, None),
        ("burn-rate-slow", 11, "warning"),
    ],
)
def test_slow_burns_of_an_objective_of_99_9_percent(name: str, failed: int, severity: str | None) -> None:
    assert fired("burn-rate", name, calls(10_000, failed), until_ms=LONG_STEP_MS) == severity


def test_a_service_is_down_after_2_minutes_without_an_event() -> None:
    found = happened("defaults", calls(30), until_ms=200_000)
    down = [(one.at_ms, one.alert.series, one.alert.severity) for one in found if one.alert.rule == "system-down"]
    assert down == [(130_000, "prod/checkout", "critical")]  # from the end of its last pane on


@pytest.mark.parametrize(("slow", "severity"), [(25, None), (26, "warning")])
def test_of_service_basics_more_than_5_slow_calls_a_minute_warn(slow: int, severity: str | None) -> None:
    assert fired("service-basics", "slow-operations", calls(9), calls(slow, duration_us=2_000_000)) == severity


def lasting(every_ms: int, minutes: int) -> Traffic:
    return Traffic(series=PAY, from_ms=0, every_ms=every_ms, end_ms=minutes * 60_000, error="error")


def test_of_a_device_api_more_than_a_tenth_of_an_error_a_second_for_5_minutes_is_critical() -> None:
    exactly, more = (
        happened("device-api", lasting(PANE_MS, 13), until_ms=780_000),
        happened("device-api", lasting(PANE_MS, 13), lasting(300_000, 13), until_ms=780_000),
    )
    assert exactly == []
    # 31 in the window at the step that ends at 5 m, when it holds all 300 s for the first time.
    assert [(one.at_ms, one.alert.state) for one in more] == [(300_000, "pending"), (600_000, "firing")]


def test_of_tight_operations_more_than_half_a_percent_of_errors_for_5_minutes_is_critical() -> None:
    at_edge = happened("tight-operations", steady(7, 1_000, 5), until_ms=400_000)
    more = happened("tight-operations", steady(7, 1_000, 6), until_ms=400_000)
    assert at_edge == []
    assert [(one.at_ms, one.alert.state, one.alert.severity) for one in more] == [
        (10_000, "pending", "critical"),
        (310_000, "firing", "critical"),
    ]


def test_of_tight_operations_an_average_above_100_ms_for_10_minutes_warns() -> None:
    at_edge = happened("tight-operations", steady(12, 20, duration_us=100_000), until_ms=700_000)
    more = happened("tight-operations", steady(12, 20, duration_us=100_001), until_ms=700_000)
    assert at_edge == []
    assert [(one.at_ms, one.alert.state, one.alert.severity) for one in more] == [
        (10_000, "pending", "warning"),
        (610_000, "firing", "warning"),
    ]


def test_a_total_outage_at_an_objective_of_99_9_percent_fires_the_14_4_rule_51_8_seconds_in() -> None:
    hour_ms = 3_600_000
    before = Traffic(series=PAY, from_ms=0, every_ms=1_000, end_ms=hour_ms)
    outage = Traffic(series=PAY, from_ms=hour_ms, every_ms=1_000, end_ms=hour_ms + 90_000, failed=Fraction(1))
    (found,) = happened("burn-rate", before, outage, until_ms=hour_ms + 90_000)
    assert (found.alert.state, found.alert.severity, found.alert.series) == ("firing", "critical", "prod/checkout")
    assert abs(found.at_ms - hour_ms - 51_800) <= PANE_MS
