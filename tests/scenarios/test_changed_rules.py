"""Another rules file while alerts are on."""

import pytest

from tests.scenarios.timeline import Timeline

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
