"""Counts, rates of all calls, changes and burn rates on a timeline: what begins them, what ends them.

Times are seconds; a pane and a step are 10 s.
"""

from pipeline.core.rules import DAY_MS
from pipeline.core.series import OVERFLOW, Series
from tests.scenarios.timeline import Timeline

STEP = 10


def rule(text: str) -> str:
    return f"rules: [{{name: a, {text}, keep_firing: 0}}]"


THROUGHPUT = rule("type: throughput, window: 1m, severities: {warning: 1/s, critical: 0.1/s}")


def test_errors_are_counted_until_they_have_left_the_window() -> None:
    line = Timeline(rule("type: error_count, window: 1m, severities: {warning: 2}"))
    line.traffic.add(5, 10)
    line.traffic.add(15, 0, errors=3)
    assert line.run(0, 120) == [
        "20 firing warning BREACH NOTIFY_FIRST",
        "80 resolved warning RECOVERED NOTIFY_RESOLVED",
    ]
    assert [transition.alert.samples for transition in line.transitions if transition.alert] == [3, 0]


def test_a_series_that_has_left_all_windows_has_no_errors() -> None:
    line = Timeline(rule("type: error_count, window: 5m, severities: {warning: 2}"))
    line.traffic.add(15, 0, errors=3)
    assert line.run(0, 400)[-1] == "320 resolved warning RECOVERED NOTIFY_RESOLVED"


def test_a_throughput_that_falls_fires_and_a_series_that_begins_does_not() -> None:
    """::

    calls a second    2     0.5    2
    second        0 ──── 120 ── 240 ── 360
    """
    line = Timeline(THROUGHPUT)
    for start, calls in ((0, 20), (120, 5), (240, 20)):
        line.traffic.steady(start, start + 120, calls)
    assert line.run(0, 360) == [
        "170 firing warning BREACH NOTIFY_FIRST",  # one pane of 20 and five of 5: 45 of 60 s; 60 were exactly 1/s
        "260 resolved warning RECOVERED NOTIFY_RESOLVED",
    ]


def test_a_series_without_any_call_stays_in_breach_for_a_day_and_is_forgotten_then() -> None:
    line = Timeline(THROUGHPUT)
    line.traffic.steady(0, 300, 20)
    assert line.run(0, 1_000) == [
        "340 firing warning BREACH NOTIFY_FIRST",
        "360 firing critical ESCALATED NOTIFY_ESCALATED",
    ]
    (last,) = line.states
    assert (last.state, last.last_transition.value) == ("firing", 0)
    day_s = DAY_MS // 1_000
    assert line.run(300 + day_s - 3 * STEP, 300 + day_s + STEP)[-1].split()[1] == "resolved"


def test_what_is_counted_together_beyond_the_cap_comes_and_goes_by_chance_and_has_not_fallen() -> None:
    line = Timeline(THROUGHPUT)
    line.traffic.steady(0, 300, 20, series=Series("prod", "checkout", OVERFLOW))
    assert line.run(0, 600) == []


def test_an_early_look_at_a_window_that_is_not_full_makes_no_fall() -> None:
    line = Timeline(THROUGHPUT)
    line.traffic.steady(0, 300, 11)
    line.run(0, 240)
    assert line.step(250, "early", until=240.1) == []
    assert line.step(250) == []


def test_a_fall_against_the_time_before_lasts_as_long_as_that_is_remembered() -> None:
    line = Timeline(rule("type: change, of: throughput, side: below, window: 1m, severities: {warning: 0.5}"))
    line.traffic.steady(0, 300, 20)
    assert line.run(0, 900) == [
        "340 firing warning BREACH NOTIFY_FIRST",  # 40 of 60 s against 2/s; 60 were exactly half
        "600 resolved warning NO_DATA NOTIFY_RESOLVED",  # nothing is left to compare with
    ]


def test_more_errors_than_before_fire_though_the_rate_is_low() -> None:
    line = Timeline(rule("type: change, of: error_rate, window: 1m, severities: {warning: 3}"))
    line.traffic.steady(0, 300, 1_000, 1)
    line.traffic.steady(300, 420, 1_000, 4)
    assert line.run(0, 420)[0] == "350 firing warning BREACH NOTIFY_FIRST"  # five panes of 4 and one of 1: 3.5 times


def test_a_burn_rate_is_over_when_the_short_window_is_calm() -> None:
    line = Timeline(rule("type: burn_rate, objective: 99%, window: 5m, short_window: 1m, severities: {critical: 10}"))
    line.traffic.steady(0, 300, 100)
    line.traffic.steady(300, 360, 100, 100)
    line.traffic.steady(360, 600, 100)
    # 400 of 3,000 calls of five minutes are 13.3 %; three panes were exactly 10 times the 1 % that is allowed.
    assert line.run(0, 600) == [
        "340 firing critical BREACH NOTIFY_FIRST",
        "420 resolved critical RECOVERED NOTIFY_RESOLVED",
    ]
