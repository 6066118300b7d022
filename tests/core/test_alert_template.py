import pytest

from pipeline.core.alert_template import NAMES, filled, mistake_in
from tests.scenarios.timeline import Timeline

WORDS = {name: name.upper() for name in NAMES}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("no names", "no names"),
        ("{value} is above {threshold}", "VALUE is above THRESHOLD"),
        ("{{value}} {series}", "{value} SERIES"),
        ("{severity}{severity}", "SEVERITYSEVERITY"),
    ],
)
def test_names_are_replaced_and_two_braces_are_one(template: str, text: str) -> None:
    assert mistake_in(template) is None
    assert filled(template, WORDS) == text


def test_what_stands_in_a_name_is_not_read_again() -> None:
    assert filled("{series}", WORDS | {"series": "{value}"}) == "{value}"


@pytest.mark.parametrize("template", ["{}", "{value", "value}", "{value!r}", "{value:>9}", "{series.service}", "{0}"])
def test_anything_else_in_braces_is_a_mistake(template: str) -> None:
    assert mistake_in(template) is not None


RULE = """rules:
  - name: errors
    type: error_rate
    window: 1m
    severities: {warning: 2%, critical: 5%}
    message: "{operation} of {service} in {environment}: {value} of {samples} fail ({severity}, over {threshold} in {window})"
    runbook: https://wiki.example.com/errors
"""


def test_what_fires_is_told_in_the_words_of_the_rule_and_what_is_over_in_ours() -> None:
    line = Timeline(RULE)
    line.traffic.steady(0, 10, 100, 30)
    line.traffic.steady(10, 200, 100)
    line.run(0, 200)
    alerts = {(one.state.state, one.state.severity): one.state.last_transition for one in line.transitions}
    fired = alerts["firing", "critical"]
    assert fired.summary == "pay of checkout in prod: 30 % of 100 fail (critical, over 5 % in 1m)"
    assert alerts["resolved", "warning"].summary.startswith("error rate of prod/checkout/pay is back at 0 %")
    assert {alert.runbook for alert in alerts.values()} == {"https://wiki.example.com/errors"}


def test_the_version_of_a_rule_is_that_of_what_it_says() -> None:
    def version(rules: str) -> str | None:
        line = Timeline(rules)
        line.traffic.add(5, 100, 30)
        (transition,) = line.step(10)
        return transition.state.last_transition.rule_version

    first = version(RULE)
    assert first is not None
    assert len(first) == 8
    assert version(RULE.replace("    window: 1m\n", "") + "    window: 1m\n    cooldown: 5m\n") == first
    assert version(RULE.replace("2%", "3%")) != first
    assert version(RULE.replace("runbook", "labels: {team: a}\n    runbook")) != first
