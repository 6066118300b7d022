"""Flapping, cooldown, and one cause that pages once."""

from tests.scenarios.timeline import Timeline

RULE = "rules: [{name: errors, type: error_rate, keep_firing: 0, window: 1m, severities: {warning: 2%, critical: 50%}}]"


def test_an_alert_that_comes_back_within_the_cooldown_is_a_new_episode_that_nobody_is_told_of() -> None:
    """::

    bad pane    ▌              ▌
    firing      ████████       ████████
    step        10     70      130    190
    cooldown           └───────────────────────► 370
    """
    line = Timeline(RULE)
    line.traffic.spells(0, 120)
    assert line.run(0, 360) == [
        "10 firing warning BREACH NOTIFY_FIRST",
        "70 resolved warning RECOVERED NOTIFY_RESOLVED",
        "130 firing warning BREACH SUPPRESS_COOLDOWN",
        "190 resolved warning RECOVERED SUPPRESS_NEVER_TOLD",
    ]
    assert [transition.state.episode for transition in line.transitions] == [1, 1, 2, 2]
    ids = [transition.state.last_transition.alert_id for transition in line.transitions]
    assert ids[0] == ids[1] != ids[2] == ids[3]


def test_what_flaps_is_told_once_per_cooldown() -> None:
    line = Timeline(RULE)
    line.traffic.spells(*range(0, 900, 90))
    told = [text for text in line.run(0, 900) if "NOTIFY" in text]
    assert told == [
        "10 firing warning BREACH NOTIFY_FIRST",
        "70 resolved warning RECOVERED NOTIFY_RESOLVED",
        "370 firing warning BREACH NOTIFY_FIRST",
        "430 resolved warning RECOVERED NOTIFY_RESOLVED",
        "730 firing warning BREACH NOTIFY_FIRST",
        "790 resolved warning RECOVERED NOTIFY_RESOLVED",
    ]


def test_what_still_fires_when_the_cooldown_ends_is_told_then() -> None:
    line = Timeline(RULE)
    line.traffic.spells(0, *range(120, 600, 10))
    assert line.run(0, 900) == [
        "10 firing warning BREACH NOTIFY_FIRST",
        "70 resolved warning RECOVERED NOTIFY_RESOLVED",
        "130 firing warning BREACH SUPPRESS_COOLDOWN",
        "370 firing warning TOLD_LATE NOTIFY_COOLDOWN_OVER",
        "660 resolved warning RECOVERED NOTIFY_RESOLVED",
    ]


def test_a_graver_severity_breaks_through_the_cooldown() -> None:
    line = Timeline(RULE)
    line.traffic.spells(0)
    line.traffic.steady(120, 130, 2_000, 2_000)
    assert line.run(0, 200)[2:] == [
        "130 firing critical BREACH NOTIFY_FIRST",
        "190 resolved critical RECOVERED NOTIFY_RESOLVED",
    ]


def test_a_severity_that_comes_back_within_an_episode_is_not_told_again() -> None:
    rules = "rules: [{name: errors, type: error_rate, keep_firing: 0, window: 1m, severities: {warning: 2%, critical: 10%}}]"
    line = Timeline(rules)
    line.traffic.steady(0, 600, 100, 5)
    line.traffic.steady(100, 110, 0, 60)
    line.traffic.steady(300, 310, 0, 60)
    assert line.run(0, 400) == [
        "10 firing warning BREACH NOTIFY_FIRST",
        "110 firing critical ESCALATED NOTIFY_ESCALATED",
        "170 firing warning DE_ESCALATED SUPPRESS_DE_ESCALATED",
        "310 firing critical ESCALATED SUPPRESS_ALREADY_TOLD",
        "370 firing warning DE_ESCALATED SUPPRESS_DE_ESCALATED",
    ]


def test_without_a_cooldown_every_episode_is_told() -> None:
    line = Timeline(RULE.replace("window", "cooldown: 0, window"))
    line.traffic.spells(0, 120)
    assert [text.split()[-1] for text in line.run(0, 360)] == ["NOTIFY_FIRST", "NOTIFY_RESOLVED"] * 2


BOTH = """
rules:
  - {name: successes, type: success_rate, keep_firing: 0, window: 1m, severities: {warning: 95%, critical: 90%}}
  - {name: errors, type: error_rate, keep_firing: 0, window: 1m, severities: {warning: 2%, critical: 5%}}
"""


def test_the_error_rate_hides_the_success_rate_of_the_same_series() -> None:
    line = Timeline(BOTH)
    line.traffic.add(5, 100, 20)
    line.traffic.steady(10, 200, 100)
    assert line.run(0, 200) == [
        "10 firing critical BREACH NOTIFY_FIRST",
        "10 firing critical BREACH SUPPRESS_HIDDEN",
        "20 firing warning DE_ESCALATED SUPPRESS_DE_ESCALATED",
        "40 firing warning DE_ESCALATED SUPPRESS_DE_ESCALATED",
        "40 resolved warning RECOVERED SUPPRESS_NEVER_TOLD",
        "70 resolved warning RECOVERED NOTIFY_RESOLVED",
    ]
    assert [transition.state.rule for transition in line.transitions if transition.state.told_severity] == [
        "errors"
    ] * 2


def test_a_success_rate_shows_where_no_error_rate_rule_watches() -> None:
    line = Timeline(BOTH.replace("type: error_rate,", "type: error_rate, match: {service: other},"))
    line.traffic.add(5, 100, 20)
    assert line.run(0, 10) == ["10 firing critical BREACH NOTIFY_FIRST"]


def test_a_milder_error_rate_hides_no_graver_success_rate() -> None:
    line = Timeline(BOTH.replace("critical: 5%", "critical: 99%"))
    line.traffic.add(5, 100, 20)
    assert line.run(0, 10) == [
        "10 firing warning BREACH NOTIFY_FIRST",
        "10 firing critical BREACH NOTIFY_FIRST",
    ]


def test_what_was_hidden_is_told_when_that_which_hid_it_is_over() -> None:
    line = Timeline(
        BOTH.replace("success_rate, keep_firing: 0, window: 1m", "success_rate, keep_firing: 0, window: 5m")
    )
    line.traffic.add(5, 100, 20)
    line.traffic.steady(120, 130, 50)
    assert line.run(0, 200) == [
        "10 firing critical BREACH NOTIFY_FIRST",
        "10 firing critical BREACH SUPPRESS_HIDDEN",
        "70 resolved critical NO_DATA NOTIFY_RESOLVED",
        "70 firing critical TOLD_LATE NOTIFY_UNHIDDEN",
    ]
