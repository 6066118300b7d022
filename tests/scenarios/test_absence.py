"""Silence: a service that sends nothing, nobody who sends anything, and a service that never came."""

from pipeline.core.series import Series
from tests.scenarios.timeline import DAY_MS, PAY, Timeline, ms, story

RULE = (
    "rules: [{name: down, type: absence, keep_firing: 0, group_by: service, severities: {warning: 1m, critical: 2m}}]"
)
SEARCH = Series("prod", "search", "query")


def test_a_service_is_absent_at_the_exact_step_and_back_with_its_first_event() -> None:
    """::

    events   ██████                       ██
    second   0    60      120      180   230
    silence       └─ 1m ──┴── 1m ──┘
    state                 warning  critical   resolved at 240
    """
    line = Timeline(RULE)
    line.traffic.steady(0, 60, 5)
    line.traffic.steady(0, 400, 5, series=SEARCH)
    line.traffic.add(235, 1)
    assert line.run(0, 280) == [
        "prod/checkout 120 firing warning BREACH NOTIFY_FIRST",
        "prod/checkout 180 firing critical ESCALATED NOTIFY_ESCALATED",
        "prod/checkout 240 resolved critical RECOVERED NOTIFY_RESOLVED",
    ]
    fired, _, resolved = (transition.alert for transition in line.transitions)
    assert fired is not None
    assert resolved is not None
    assert fired.summary == "no events from prod/checkout for 1m (threshold 1m)"
    assert (fired.value, fired.threshold, fired.comparison, fired.unit) == (60, 60, ">=", "s")
    assert (fired.window_start_ms, fired.window_end_ms) == (ms(60), ms(120))
    assert resolved.summary == "events from prod/checkout are coming in again"


def test_silence_of_everybody_fires_for_each_service_while_idle_time_goes_by() -> None:
    line = Timeline(RULE)
    line.traffic.steady(0, 60, 5)
    line.traffic.steady(0, 60, 5, series=SEARCH)
    assert line.run(0, 130) == [
        "prod/checkout 120 firing warning BREACH NOTIFY_FIRST",
        "prod/search 120 firing warning BREACH NOTIFY_FIRST",
    ]


def test_steps_that_are_jumped_over_do_not_hide_a_silence() -> None:
    line = Timeline(RULE)
    line.traffic.add(5)
    line.step(10)
    assert story(line.step(4_000)) == ["prod/checkout 4000 firing critical BREACH NOTIFY_FIRST"]


def test_a_series_that_has_left_the_windows_is_still_missed() -> None:
    line = Timeline(RULE.replace("{warning: 1m, critical: 2m}", "{critical: 20m}"))
    line.traffic.add(5)
    assert line.run(0, 1_300) == ["prod/checkout 1210 firing critical BREACH NOTIFY_FIRST"]


def test_after_a_day_of_silence_a_series_is_no_longer_expected() -> None:
    line = Timeline(RULE)
    line.traffic.add(5)
    line.step(10)
    line.step(200)
    day = DAY_MS // 1_000
    assert line.step(day) == []
    assert story(line.step(day + 10)) == [f"prod/checkout {day + 10} resolved critical EXPIRED NOTIFY_RESOLVED"]
    assert line.step(day + 20) == []


def test_an_early_look_knows_nothing_of_absence() -> None:
    line = Timeline(RULE)
    line.traffic.add(5)
    assert line.step(400, "early") == []


def test_absence_by_operation_misses_one_operation_of_a_live_service() -> None:
    line = Timeline(RULE.replace("service", "operation"))
    line.traffic.steady(0, 200, 5)
    line.traffic.add(5, series=Series("prod", "checkout", "refund"))
    assert line.run(0, 80) == ["prod/checkout/refund 70 firing warning BREACH NOTIFY_FIRST"]


def test_an_absent_series_that_a_restart_has_forgotten_stays_absent() -> None:
    line = Timeline(RULE)
    line.traffic.add(5)
    line.run(0, 130)
    line.restart()
    line.traffic.events.clear()
    assert line.run(130, 400) == []
    line.traffic.add(405)
    assert line.run(400, 410) == ["prod/checkout 410 resolved critical RECOVERED NOTIFY_RESOLVED"]


NAMED = "rules: [{name: down, type: absence, keep_firing: 0, group_by: service, severities: {critical: 2m}, expect: [prod/checkout]}]"


def test_a_named_series_that_never_came_is_waited_for_from_the_first_step_on() -> None:
    line = Timeline(NAMED)
    line.traffic.steady(0, 500, 5, series=SEARCH)
    assert line.run(0, 200) == [
        "prod/checkout 10 pending critical WAITING SUPPRESS_PENDING",
        "prod/checkout 130 firing critical BREACH NOTIFY_FIRST",
    ]
    line.restart()
    line.traffic.add(205, series=PAY)
    assert line.run(200, 210) == ["prod/checkout 210 resolved critical RECOVERED NOTIFY_RESOLVED"]


def test_a_named_series_that_comes_in_time_was_never_absent() -> None:
    line = Timeline(NAMED)
    line.traffic.add(35)
    line.traffic.steady(40, 200, 1)
    assert line.run(0, 200) == [
        "prod/checkout 10 pending critical WAITING SUPPRESS_PENDING",
        "prod/checkout 40 inactive critical PASSED SUPPRESS_PENDING",
    ]


def test_a_named_series_is_waited_for_across_a_restart() -> None:
    line = Timeline(NAMED)
    line.run(0, 60)
    line.restart()
    assert line.run(60, 200) == ["prod/checkout 130 firing critical BREACH NOTIFY_FIRST"]


def test_with_named_series_no_other_is_missed() -> None:
    line = Timeline(NAMED)
    line.traffic.add(5, series=SEARCH)
    line.traffic.steady(0, 500, 1)
    assert line.run(0, 500) == []


def test_a_named_series_is_waited_for_by_the_shard_that_owns_it_alone() -> None:
    lines = [Timeline(NAMED) for _ in range(8)]
    for shard, line in enumerate(lines):
        line.states.shard, line.states.shards = shard, 8
    assert [len(line.run(0, 10)) for line in lines].count(1) == 1
    assert sum(len(line.transitions) for line in lines) == 1
