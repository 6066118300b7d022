"""The keys of a rules file that say how an alert behaves: what they become, and what is said of mistakes."""

import pytest

from pipeline.core.rules import Threshold
from tests.core.test_rules_file import mistake_in, mistakes_in, rule_from

RATE = "{name: a, type: error_rate, severities: {warning: 2%, critical: 5%}, "


def test_an_alert_keeps_firing_for_a_minute_unless_told_otherwise() -> None:
    assert rule_from("{name: a, type: error_rate, severities: {warning: 2%}}").keep_firing_ms == 60_000
    assert rule_from("{name: a, type: absence, severities: {warning: 2m}}").keep_firing_ms == 60_000
    assert rule_from(RATE + "keep_firing: 0}").keep_firing_ms == 0


def test_a_critical_error_has_a_hold_and_keeps_firing_no_longer() -> None:
    assert rule_from("{name: a, type: critical_error}").keep_firing_ms == 0
    assert mistake_in("{name: a, type: critical_error, keep_firing: 1m}").startswith("key 'keep_firing' is for")


@pytest.mark.parametrize(
    ("rule", "recovery"),
    [
        (RATE + "recovery: 1.5%}", (Threshold("warning", 0.015),)),
        (RATE + "recovery: {warning: 1.5%, critical: 4%}}", (Threshold("warning", 0.015), Threshold("critical", 0.04))),
        (RATE + "recovery: {critical: 2%}}", (Threshold("critical", 0.02),)),
        (RATE + "recovery: 2%}", (Threshold("warning", 0.02),)),
        (
            "{name: a, type: success_rate, severities: {warning: 95%, critical: 90%}, recovery: {warning: 97%}}",
            (Threshold("warning", 0.97),),
        ),
        (
            "{name: a, type: response_time, severities: {info: 1s}, recovery: 900ms}",
            (Threshold("info", 900_000),),
        ),
        (
            "{name: a, type: throughput, severities: {warning: 5/s, critical: 1/s}, recovery: {critical: 2/s}}",
            (Threshold("critical", 2),),
        ),
    ],
)
def test_a_severity_may_recover_elsewhere_than_it_begins(rule: str, recovery: tuple[Threshold, ...]) -> None:
    assert rule_from(rule).recovery == recovery


@pytest.mark.parametrize(
    ("rule", "mistake"),
    [
        (RATE + "recovery: 3%}", "recovery warning: 3% must not be more than where it begins, in severities"),
        (RATE + "recovery: {critical: 6%}}", "recovery critical: 6% must not be more than where it begins"),
        (RATE + "recovery: {info: 1%}}", "recovery 'info' is no severity of this rule; it has warning, critical"),
        (RATE + "recovery: {warning: low}}", "recovery warning: found 'low'; allowed: a percentage such as 2%"),
        (RATE + "recovery: {critical: 1%}}", "recovery critical: 1%: critical would be over after warning"),
        (RATE + "recovery: }", "recovery warning: found nothing; allowed: a percentage"),
        (
            "{name: a, type: success_rate, severities: {warning: 95%}, recovery: 94%}",
            "recovery warning: 94% must not be less than where it begins, in severities",
        ),
        ("{name: a, type: absence, severities: {warning: 2m}, recovery: 1m}", "key 'recovery' is for"),
        (RATE + "no_data: page}", "no_data: found 'page'; allowed: ok, alert or keep"),
        ("{name: a, type: error_count, severities: {warning: 2}, no_data: keep}", "key 'no_data' is for"),
        (RATE + "keep_firing: 60}", "keep_firing: found 60; allowed: a duration with its unit"),
        (RATE + "confidence: 95}", "confidence: found 95; allowed: a number from 0.5 to 0.9999, such as 0.95"),
        (RATE + "confidence: true}", "confidence: found true"),
        (
            "{name: a, type: response_time, severities: {warning: 1s}, confidence: 0.9}",
            "key 'confidence' is for error_rate, success_rate, not for response_time",
        ),
        (RATE + "message: '{valeu} is high'}", "message: found '{valeu} is high'; allowed: a text with {value}, "),
        (RATE + "message: '50 } is high'}", "message: found '50 } is high'; allowed: a text with {value}"),
        (RATE + "message: ''}", "message: found ''; allowed: a text of at most 500 characters"),
        (RATE + "runbook: wiki/errors}", "runbook: found 'wiki/errors'; allowed: a link that begins with https://"),
        (RATE + "runbook: 'https://a b'}", "runbook: found 'https://a b'"),
    ],
)
def test_a_mistake_says_what_was_found_and_what_is_allowed(rule: str, mistake: str) -> None:
    assert mistake_in(rule).startswith(mistake)


def test_a_mistake_in_a_recovery_bears_the_line_of_its_severity() -> None:
    text = """rules:
  - name: a
    type: error_rate
    severities: {warning: 2%, critical: 5%}
    recovery:
      warning: 1%
      critical: 7%
    message: "{nothing}"
"""
    assert [line.split(":")[0] for line in mistakes_in(text)] == ["7", "8"]


def test_the_unknown_name_of_a_template_is_told() -> None:
    assert mistake_in(RATE + "message: 'at {when}'}").endswith("and not {when} (a brace itself is written twice)")
