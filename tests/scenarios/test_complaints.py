"""What users of other systems complain about most, one scenario each.

Flapping and duplicates are in `test_flapping.py`, hysteresis in `test_recovery_thresholds.py`, no data and half of the
data in `test_missing_data.py`, restarts in `test_five_states.py`; silences are the notifier's.
"""

from __future__ import annotations

from pipeline.core.alert_reasons import Notice, Reason
from pipeline.core.series import Series
from tests.scenarios.timeline import PAY, Timeline, by_default, ms, story

# ---- alerts that silently stop


def test_when_traffic_stops_rates_say_that_they_know_no_more_and_silence_fires() -> None:
    line = by_default()
    line.traffic.steady(0, 60, 100, 20)
    line.run(0, 600)
    last = {one.state.rule: one.state.last_transition for one in line.transitions}
    assert (last["error-rate"].state, last["error-rate"].value) == ("resolved", None)
    assert "for want of data" in last["error-rate"].summary
    assert (last["system-down"].state, last["system-down"].notify) == ("firing", True)


def test_an_alert_whose_rule_goes_away_says_so() -> None:
    line = by_default()
    line.traffic.steady(0, 60, 100, 20)
    line.run(0, 60)
    line.reload("rules: []")
    (ended, *_) = line.step(70)
    assert (ended.state.state, ended.reason) == ("resolved", Reason.RULE_REMOVED)
    assert ended.alert is not None
    assert ended.alert.notify


# ---- duplicates


def test_one_cause_pages_once_however_often_it_is_looked_at() -> None:
    line = by_default()
    line.traffic.steady(0, 60, 100, 20)
    for at in range(10, 61, 10):
        for until in range(at - 9, at + 1, 3):
            line.step(at, "early", until)
        line.step(at)
        line.restart()
        line.step(at)
    alerts = [one.alert for one in line.transitions if one.alert is not None]
    assert [alert.rule for alert in alerts if alert.notify] == ["error-rate"]
    assert Notice.SUPPRESS_HIDDEN in {alert.notify_reason for alert in alerts}
    assert len({(alert.alert_id, alert.sequence) for alert in alerts}) == len(alerts)


# ---- blanket delays because of late data


def test_nothing_waits_for_late_data_that_need_not() -> None:
    """Two seconds of errors: told at the first look after them, and not a watermark, a pane or a minute later."""
    line = Timeline("rules: [{name: errors, type: error_count, window: 1m, severities: {warning: 5}}]")
    line.traffic.add(1, 0, errors=3)
    line.traffic.add(2, 0, errors=3)
    assert line.step(10, "early", until=2) == []
    assert story(line.step(10, "early", until=3)) == ["10 firing warning BREACH NOTIFY_FIRST"]


def test_what_late_data_puts_right_ends_as_it_began_and_a_rule_may_rather_wait() -> None:
    rule = "rules: [{name: errors, type: error_rate, window: 1m, severities: {warning: 5%}}]"
    early, waiting = Timeline(rule), Timeline(rule.replace("window", "on_time: true, window"))
    for line in (early, waiting):
        line.traffic.add(1, 20, 5)
        line.traffic.add(4, 1_000)
        line.step(10, "early", until=2)
        line.run(0, 120)
    assert story(early.transitions) == [
        "10 firing warning BREACH NOTIFY_FIRST",
        "10 recovering warning CALM SUPPRESS_RECOVERING",
        "70 resolved warning NO_DATA NOTIFY_RESOLVED",
    ]
    assert waiting.transitions == []


# ---- noise at low traffic


def test_a_failure_now_and_then_among_few_calls_wakes_nobody() -> None:
    """One call a minute all night, one in ten of them fails: five calls in a window say nothing."""
    line = by_default()
    for minute in range(120):
        line.traffic.add(minute * 60 + 5, 1, 1 if minute % 10 == 0 else 0)
    line.run(0, 7_200)
    assert line.transitions == []
    said = {one.reason for each in line.evaluations for one in each.decisions}
    assert said == {Reason.MIN_SAMPLES}


def test_a_failure_among_as_many_calls_as_are_asked_for_needs_a_confidence_to_be_left_alone() -> None:
    rule = "rules: [{name: errors, type: error_rate, window: 1m, severities: {warning: 2%}}]"
    plain, sure = Timeline(rule), Timeline(rule.replace("window", "confidence: 0.95, window"))
    for line in (plain, sure):
        line.traffic.add(5, 25, 1)
        line.step(10)
    assert story(plain.transitions) == ["10 firing warning BREACH NOTIFY_FIRST"]
    assert sure.transitions == []


# ---- messages without identity or evidence


def test_a_message_says_which_series_what_how_much_over_what_and_how_to_see_it() -> None:
    refund = Series("prod", "checkout", "refund")
    line = by_default()
    for series in (PAY, refund):
        line.traffic.add(5, 100, 20, series=series)
    alerts = [one.alert for one in line.step(10) if one.alert is not None and one.alert.notify]
    assert {alert.series for alert in alerts} == {"prod/checkout/pay", "prod/checkout/refund"}
    assert len({alert.alert_id for alert in alerts}) == len(alerts)
    for alert in alerts:
        assert alert.summary == (f"error rate of {alert.series} is 20 % over {alert.window} (threshold 5 %, 100 calls)")
        assert (alert.value, alert.threshold, alert.samples, alert.comparison) == (0.2, 0.05, 100, ">")
        assert (alert.window_end_ms, alert.decided, alert.completeness) == (ms(10), "on_time", 1.0)
        assert f"operation = '{alert.operation}'" in alert.sql
        assert alert.rule_version
