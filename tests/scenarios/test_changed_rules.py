"""Another rules file while alerts are on."""

import pytest

from pipeline.core.alert_signal import retire_for_signal
from tests.scenarios.timeline import Timeline, critical_error, ms, story

RULE = "rules: [{name: errors, type: error_rate, keep_firing: 0, window: 1m, severities: {warning: 2%}}]"


def firing() -> Timeline:
    line = Timeline(RULE)
    line.traffic.steady(0, 400, 100, 50)
    assert line.run(0, 10) == ["10 firing warning BREACH NOTIFY_FIRST"]
    return line


def test_a_rule_that_is_gone_ends_its_alerts_once() -> None:
    line = firing()
    line.reload("rules: []")
    assert line.run(10, 100) == ["20 resolved warning RULE_REMOVED NOTIFY_RESOLVED"]
    alert = line.transitions[-1].alert
    assert alert is not None
    assert alert.summary == "rule errors on prod/checkout/pay resolved: rule removed"
    assert (alert.sequence, alert.previous_state, alert.value) == (2, "firing", None)


def test_a_disabled_rule_is_gone_too() -> None:
    line = firing()
    line.reload(RULE.replace("window", "enabled: false, window"))
    assert line.run(10, 20) == ["20 resolved warning RULE_REMOVED NOTIFY_RESOLVED"]


@pytest.mark.parametrize("change", ["group_by: service, window", "match: {service: other}, window"])
def test_a_rule_that_covers_the_series_no_more_ends_its_alert(change: str) -> None:
    line = firing()
    line.reload(RULE.replace("window", change))
    assert "20 resolved warning RULE_CHANGED NOTIFY_RESOLVED" in line.run(10, 20)


def test_a_name_that_became_a_rule_of_another_type_ends_the_alert_and_begins_anew() -> None:
    line = firing()
    line.reload("rules: [{name: errors, type: success_rate, keep_firing: 0, window: 1m, severities: {warning: 95%}}]")
    assert line.run(10, 30) == [
        "20 resolved warning RULE_CHANGED NOTIFY_RESOLVED",
        "30 firing warning BREACH NOTIFY_FIRST",
    ]


def test_changed_thresholds_go_on_with_the_episode() -> None:
    line = firing()
    line.reload(RULE.replace("{warning: 2%}", "{warning: 2%, critical: 20%}"))
    assert line.run(10, 20) == ["20 firing critical ESCALATED NOTIFY_ESCALATED"]
    line.reload(RULE.replace("{warning: 2%}", "{warning: 60%}"))
    assert line.run(20, 30) == ["30 resolved critical RECOVERED NOTIFY_RESOLVED"]


def test_a_rule_that_is_gone_while_pending_leaves_in_silence() -> None:
    line = Timeline(RULE.replace("window", "for: 1m, window"))
    line.traffic.steady(0, 100, 100, 50)
    line.run(0, 10)
    line.reload("rules: []")
    assert line.run(10, 50) == ["20 inactive warning RULE_REMOVED SUPPRESS_PENDING"]


def test_a_rule_that_did_not_change_goes_on_unbroken_when_others_do() -> None:
    """`for` is not started anew, and neither is `keep_firing`."""
    lasting = RULE.replace("keep_firing: 0", "for: 30s, keep_firing: 30s")
    line = Timeline(lasting)
    line.traffic.steady(0, 100, 100, 50)
    line.traffic.steady(100, 400, 100)
    assert line.run(0, 20) == ["10 pending warning WAITING SUPPRESS_PENDING"]
    line.reload(lasting.replace("[{", "[{name: another, type: critical_error}, {"))
    assert line.run(20, 40) == ["40 firing warning BREACH NOTIFY_FIRST"]
    assert line.run(40, 170) == ["160 recovering warning CALM SUPPRESS_RECOVERING"]
    line.reload(lasting)
    assert line.run(170, 250) == ["190 resolved warning RECOVERED NOTIFY_RESOLVED"]
    assert len({transition.state.last_transition.alert_id for transition in line.transitions}) == 1


def test_a_pending_alert_goes_by_a_shorter_for_at_the_next_step_and_waits_on_for_a_longer_one() -> None:
    line = Timeline(RULE.replace("window", "for: 1m, window"))
    line.traffic.steady(0, 400, 100, 50)
    line.run(0, 30)
    line.reload(RULE.replace("window", "for: 2m, window"))
    assert line.run(30, 100) == []
    line.reload(RULE.replace("window", "for: 20s, window"))
    assert line.run(100, 110) == ["110 firing warning BREACH NOTIFY_FIRST"]


def test_a_severity_that_is_gone_becomes_the_one_that_is_left() -> None:
    line = Timeline(RULE.replace("{warning: 2%}", "{warning: 2%, critical: 20%}"))
    line.traffic.steady(0, 400, 100, 50)
    assert line.run(0, 10) == ["10 firing critical BREACH NOTIFY_FIRST"]
    line.reload(RULE)
    assert line.run(10, 30) == ["20 firing warning DE_ESCALATED SUPPRESS_DE_ESCALATED"]
    line.reload(RULE.replace("{warning: 2%}", "{critical: 20%}"))
    assert line.run(30, 50) == ["40 firing critical ESCALATED SUPPRESS_ALREADY_TOLD"]


def test_an_alert_whose_severity_is_gone_ends_when_it_is_over() -> None:
    line = firing()
    line.reload(RULE.replace("{warning: 2%}", "{critical: 90%}"))
    assert line.run(10, 20) == ["20 resolved warning RECOVERED NOTIFY_RESOLVED"]


def test_a_critical_error_that_comes_before_the_step_finds_its_place_free() -> None:
    """The name was that of a rule of another type a moment ago, and its alert still fires."""
    line = firing()
    line.reload("rules: [{name: errors, type: critical_error, hold: 1m}]")
    signal = critical_error(12, 1)
    ended = line.take(retire_for_signal(line.compiled, signal, line.states, ms(10)))
    assert story(ended) == ["12 resolved warning RULE_CHANGED NOTIFY_RESOLVED"]
    assert story(line.signal(12, 1)) == ["12 firing critical BREACH NOTIFY_FIRST"]
    assert line.take(retire_for_signal(line.compiled, signal, line.states, ms(10))) == []
    assert line.signal(12, 1) == []
    assert line.run(10, 100) == ["80 resolved critical HOLD_OVER NOTIFY_RESOLVED"]
    assert len({transition.state.last_transition.alert_id for transition in line.transitions}) == 2
