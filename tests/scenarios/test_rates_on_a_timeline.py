"""Error rate, success rate, response time: firing, graver, better, resolved; and what is too little to judge.

Times are seconds; a pane and a step are 10 s, the window is 1 minute.
"""

from tests.scenarios.timeline import Timeline

ERROR_RATE = (
    "rules: [{name: errors, type: error_rate, keep_firing: 0, window: 1m, severities: {warning: 2%, critical: 5%}}]"
)


def test_an_alert_fires_becomes_graver_and_milder_and_is_resolved_in_one_episode() -> None:
    """::

    failures of 100 a pane   0     3     8     3     0
    second                0 ─── 60 ── 120 ── 180 ── 240 ── 300
    state                          ▲ warning
                                       ▲ critical
                                               ▲ warning
                                                      ▲ resolved
    """
    line = Timeline(ERROR_RATE)
    for start, failures in ((0, 0), (60, 3), (120, 8), (180, 3), (240, 0)):
        line.traffic.steady(start, start + 60, 100, failures)
    assert line.run(0, 300) == [
        "110 firing warning BREACH NOTIFY_FIRST",  # 5 panes of 3: 15 of 600 are 2.5 %, 12 were exactly 2 %
        "150 firing critical ESCALATED NOTIFY_ESCALATED",  # three panes of 3 and three of 8: 33 of 600 are 5.5 %
        "220 firing warning DE_ESCALATED SUPPRESS_DE_ESCALATED",
        "260 resolved warning RECOVERED NOTIFY_RESOLVED",
    ]
    alerts = [transition.alert for transition in line.transitions if transition.alert is not None]
    assert len({alert.alert_id for alert in alerts}) == 1
    assert [alert.sequence for alert in alerts] == [1, 2, 3, 4]
    assert {alert.episode for alert in alerts} == {1}
    assert [alert.previous_severity for alert in alerts] == [None, "warning", "critical", "warning"]


def test_two_percent_is_no_breach_and_two_point_nought_one_percent_is() -> None:
    line = Timeline(ERROR_RATE)
    line.traffic.add(5, 10_000, 200)
    assert line.run(0, 10) == []
    line = Timeline(ERROR_RATE)
    line.traffic.add(5, 10_000, 201)
    assert line.run(0, 10) == ["10 firing warning BREACH NOTIFY_FIRST"]
    alert = line.transitions[0].alert
    assert alert is not None
    assert alert.summary == "error rate of prod/checkout/pay is 2.01 % over 1m (threshold 2 %, 10000 calls)"


def test_nineteen_calls_are_too_few_and_twenty_are_not() -> None:
    line = Timeline(ERROR_RATE)
    line.traffic.add(5, 19, 19)
    assert line.run(0, 10) == []
    (decision,) = line.evaluations[-1].decisions
    assert (decision.reason, decision.value, decision.samples) == ("MIN_SAMPLES", 1.0, 19)
    line.traffic.add(15, 1, 0)
    assert line.run(10, 20) == ["20 firing critical BREACH NOTIFY_FIRST"]


def test_samples_are_events_whatever_their_weight() -> None:
    line = Timeline(ERROR_RATE)
    line.traffic.add(5, 19, 19, weight=100)
    assert line.run(0, 10) == []


def test_a_firing_alert_with_few_calls_left_stays_as_it_is_while_they_fail_and_ends_when_they_do_not() -> None:
    """::

    calls     100, 5 bad    3 a pane, all bad     3 a pane, all good
              0        10 ──────────────── 70 ─────────────────── 130
    """
    line = Timeline(ERROR_RATE)
    line.traffic.add(5, 100, 5)
    line.traffic.steady(10, 70, 3, 3)
    line.traffic.steady(70, 190, 3, 0)
    assert line.run(0, 120) == [
        "10 firing warning BREACH NOTIFY_FIRST",  # 5 % is not above 5 %
        "20 firing critical ESCALATED NOTIFY_ESCALATED",
    ]
    assert line.run(120, 190) == ["130 resolved critical RECOVERED NOTIFY_RESOLVED"]
    kept = [one.reason for evaluation in line.evaluations for one in evaluation.decisions if one.notice is None]
    assert set(kept) == {"KEPT_FEW_SAMPLES"}


def test_without_any_call_a_firing_alert_stays_until_its_window_is_empty() -> None:
    line = Timeline(ERROR_RATE)
    line.traffic.add(5, 100, 50)
    assert line.run(0, 60) == ["10 firing critical BREACH NOTIFY_FIRST"]
    assert line.run(60, 600) == ["70 resolved critical NO_DATA NOTIFY_RESOLVED"]
    alert = line.transitions[-1].alert
    assert alert is not None
    assert alert.value is None
    assert alert.samples == 0
    assert alert.summary == ("error rate of prod/checkout/pay is resolved for want of data: no calls in the last 1m")


def test_a_series_that_has_left_all_windows_is_resolved_too() -> None:
    rules = "rules: [{name: errors, type: error_rate, keep_firing: 0, window: 5m, severities: {warning: 2%}}]"
    line = Timeline(rules)
    line.traffic.add(5, 100, 50)
    assert line.run(0, 1_000)[1:] == ["310 resolved warning NO_DATA NOTIFY_RESOLVED"]


def test_a_percentile_alert_fires_and_is_resolved() -> None:
    line = Timeline(
        "rules: [{name: p95, type: response_time, keep_firing: 0, window: 1m, severities: {warning: 1s, critical: 2s}}]"
    )
    line.traffic.steady(0, 60, 100)
    line.traffic.steady(60, 80, 20, duration_us=3_000_000)
    line.traffic.steady(60, 200, 80)
    assert line.run(0, 200) == [
        "80 firing critical BREACH NOTIFY_FIRST",  # 20 of 600 at 70: 3.3 %; 40 of 600 at 80: 6.7 %
        "130 resolved critical RECOVERED NOTIFY_RESOLVED",  # 20 of 500 are 4 %
    ]
    alert = line.transitions[0].alert
    assert alert is not None
    assert (alert.unit, alert.threshold, alert.comparison) == ("ms", 2_000, ">")
    assert alert.value is not None
    assert abs(alert.value - 3_000) < 3_000 * 0.0055


def test_slow_operations_fire_above_three_a_minute_over_five_minutes() -> None:
    line = Timeline(
        "rules: [{name: slow, type: slow_operations, keep_firing: 0, window: 5m, severities: {warning: 3, critical: 10}}]"
    )
    line.traffic.add(5, 15, duration_us=1_200_000)
    assert line.run(0, 10) == []
    line.traffic.add(15, 1, duration_us=1_200_000)
    assert line.run(10, 400) == [
        "20 firing warning BREACH NOTIFY_FIRST",
        "310 resolved warning RECOVERED NOTIFY_RESOLVED",
    ]


def test_a_rule_by_operation_says_nothing_of_the_service_and_one_by_service_nothing_of_the_operation() -> None:
    line = Timeline(ERROR_RATE)
    line.traffic.add(5, 100, 50)
    line.run(0, 10)
    assert [transition.state.series.label() for transition in line.transitions] == ["prod/checkout/pay"]
    for group_by, label in (("service", "prod/checkout"), ("overall", "prod")):
        line = Timeline(ERROR_RATE.replace("window", f"group_by: {group_by}, window"), line.traffic)
        line.run(0, 10)
        assert [transition.state.series.label() for transition in line.transitions] == [label]
