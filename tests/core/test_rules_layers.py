"""Which value of a rule holds: control before environment before file; and where it says that it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline.core.rules import Rule, Threshold
from pipeline.errors import FatalError
from pipeline.rules_file import load_written
from pipeline.rules_layers import Layered, layered
from pipeline.rules_overlay import Values, read_value
from pipeline.settings import Settings

WINDOWS = Settings().windows
FILE = """\
rules:
  - name: errors
    type: error_rate
    severities: {warning: 2%, critical: 5%}
    recovery: 1%
    match: {service: checkout}
  - name: off
    type: critical_error
    enabled: false
"""


def held(tmp_path: Path, control: Mapping[str, Values] | None = None, file: str = FILE, **environment: str) -> Layered:
    path = tmp_path / "rules.yaml"
    path.write_text(file)
    return layered(load_written(path, WINDOWS), environment, control or {}, WINDOWS)


def rule(found: Layered, name: str = "errors") -> Rule:
    one = found.get(name)
    assert one is not None
    return one.rule


def critical(found: Layered) -> float:
    return next(one.value for one in rule(found).thresholds if one.severity == "critical")


def test_control_comes_before_environment_before_file(tmp_path: Path) -> None:
    control = {"errors": {"severities.critical": "9%"}}
    assert critical(held(tmp_path)) == 0.05
    assert critical(held(tmp_path, PIPELINE_RULE_ERRORS_CRITICAL="7%")) == 0.07
    assert critical(held(tmp_path, control)) == 0.09
    both = held(tmp_path, control, PIPELINE_RULE_ERRORS_CRITICAL="7%", PIPELINE_RULE_ERRORS_FOR="2m")
    assert critical(both) == 0.09
    assert rule(both).for_ms == 120_000


def test_every_value_says_where_it_comes_from(tmp_path: Path) -> None:
    one = held(tmp_path, {"errors": {"for": "1m"}}, PIPELINE_RULE_ERRORS_CRITICAL="7%").get("errors")
    assert one is not None
    assert {path: place.removeprefix(f"{tmp_path}/") for path, place in one.origins.items()} == {
        "name": "rules.yaml:2",
        "type": "rules.yaml:3",
        "severities.warning": "rules.yaml:4",
        "severities.critical": "PIPELINE_RULE_ERRORS_CRITICAL",
        "recovery": "rules.yaml:5",
        "match.service": "rules.yaml:6",
        "for": "control",
    }
    assert one.values["severities.critical"] == "7%"


def test_what_is_not_changed_stays_as_it_is_in_the_file(tmp_path: Path) -> None:
    before, after = held(tmp_path), held(tmp_path, {"errors": {"severities.critical": "9%"}})
    assert rule(after).thresholds == (Threshold("warning", 0.02), Threshold("critical", 0.09))
    assert rule(after).match == rule(before).match
    assert after.get("off") == before.get("off")


def test_a_rule_is_switched_off_and_on(tmp_path: Path) -> None:
    def names(found: Layered) -> list[str]:
        return [one.name for one in found.rules]

    assert names(held(tmp_path)) == ["errors"]
    assert names(held(tmp_path, PIPELINE_RULE_OFF_ENABLED="true")) == ["errors", "off"]
    assert names(held(tmp_path, {"errors": {"enabled": False}})) == []
    assert names(held(tmp_path, {"errors": {"enabled": True}}, PIPELINE_RULE_ERRORS_ENABLED="false")) == ["errors"]


def test_null_takes_a_value_away(tmp_path: Path) -> None:
    found = held(tmp_path, {"errors": {"severities.critical": None, "match.service": None, "recovery": None}})
    assert rule(found).thresholds == (Threshold("warning", 0.02),)
    assert rule(found).match.service == ()
    assert rule(found).recovery == ()


def test_a_new_rule_comes_from_control_alone_after_those_of_the_file(tmp_path: Path) -> None:
    values = {"type": "response_time", "statistic": "p99", "severities.critical": "1500ms", "match": {"service": "pay"}}
    found = held(tmp_path, {"a-slow": values})
    assert [one.name for one in found.rules] == ["errors", "a-slow"]
    assert rule(found, "a-slow").thresholds == (Threshold("critical", 1_500_000),)
    assert rule(found, "a-slow").match.service == ("pay",)
    one = found.get("a-slow")
    assert one is not None
    assert set(one.origins.values()) == {"control"}


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"severities.critical": "1%"}, "critical 1% must be more than warning 2%"),
        ({"severities.critical": "huge"}, "severities critical: found 'huge'; allowed: a percentage such as 2%"),
        ({"severities.crit": "9%"}, "severity 'crit' is unknown; did you mean critical? allowed: info, warning, crit"),
        ({"windw": "5m"}, "key 'windw' is unknown; did you mean window?"),
        ({"type": "critical_error"}, "not for critical_error"),
        ({"recovery.warning": "1%"}, "recovery is '1%' here and has no warning: set recovery as a whole"),
    ],
)
def test_what_control_has_wrong_leaves_the_rule_as_it_is_and_says_what_is_allowed(
    tmp_path: Path, values: Values, why: str
) -> None:
    found = held(tmp_path, {"errors": values})
    assert found.rules == held(tmp_path).rules
    assert why in found.refused["errors"]


def test_values_for_a_rule_that_is_no_longer_there_hold_nothing(tmp_path: Path) -> None:
    found = held(tmp_path, {"eror": {"severities.critical": "9%"}})
    assert found.rules == held(tmp_path).rules
    assert "there is no rule eror; did you mean errors? a new one needs a type" in found.refused["eror"]


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("PIPELINE_RULE_EROR_CRITICAL", "7%", "did you mean PIPELINE_RULE_ERRORS_CRITICAL.*rules errors, off"),
        ("PIPELINE_RULE_ERRORS_MATCH", "x", "names no value of a rule.*a key with a single value"),
        ("PIPELINE_RULE_OFF_CRITICAL", "7%", "names no value of a rule"),
        (
            "PIPELINE_RULE_ERRORS_CRITICAL",
            "1%",
            "PIPELINE_RULE_ERRORS_CRITICAL can't be used with rule errors.*must be",
        ),
        ("PIPELINE_RULE_ERRORS_FOR", "[", r"PIPELINE_RULE_ERRORS_FOR=\[ can't be read; allowed"),
        ("ALERT_ERRORS_CRITICAL", "1%", "ALERT_ERRORS_CRITICAL can't be used with rule errors"),
    ],
)
def test_what_the_environment_has_wrong_names_the_variable_and_what_is_allowed(
    tmp_path: Path, name: str, value: str, why: str
) -> None:
    with pytest.raises(FatalError, match=why):
        held(tmp_path, None, FILE, **{name: value})


def test_thresholds_have_an_older_name_too_that_comes_after_the_newer(tmp_path: Path) -> None:
    assert critical(held(tmp_path, ALERT_ERRORS_CRITICAL="8%")) == 0.08
    assert critical(held(tmp_path, ALERT_ERRORS_CRITICAL="8%", PIPELINE_RULE_ERRORS_CRITICAL="7%")) == 0.07
    assert critical(held(tmp_path, ALERT_OTHER_CRITICAL="8%", PIPELINE_RULES="x", PIPELINE_RULE_ERRORS_FOR="")) == 0.05


def test_recovery_thresholds_and_names_with_dots_have_variables(tmp_path: Path) -> None:
    file = FILE.replace("errors", "api.errors").replace("recovery: 1%", "recovery: {warning: 1%}")
    found = held(tmp_path, file=file, PIPELINE_RULE_API_ERRORS_RECOVERY_CRITICAL="3%")
    assert rule(found, "api.errors").recovery == (Threshold("warning", 0.01), Threshold("critical", 0.03))


def test_a_variable_that_may_mean_two_rules_is_refused(tmp_path: Path) -> None:
    file = "rules:\n" + "".join(f"  - {{name: {name}, type: critical_error}}\n" for name in ("a.b", "a-b"))
    with pytest.raises(FatalError, match=r"PIPELINE_RULE_A_B_HOLD could mean any of the rules a\.b, a-b"):
        held(tmp_path, file=file, PIPELINE_RULE_A_B_HOLD="1m")


def test_what_yaml_merges_in_from_elsewhere_is_of_the_rule_that_takes_it(tmp_path: Path) -> None:
    file = """\
rules:
  - &first {name: first, type: error_rate, severities: {warning: 2%}}
  - <<: *first
    name: second
"""
    found = held(tmp_path, {"second": {"severities.warning": "3%"}}, file=file)
    assert rule(found, "first").thresholds == (Threshold("warning", 0.02),)
    assert rule(found, "second").thresholds == (Threshold("warning", 0.03),)
    one = found.get("second")
    assert one is not None
    assert one.origins["type"] == f"{tmp_path}/rules.yaml:3"


@pytest.mark.parametrize(
    ("text", "value"),
    [("5%", "5%"), ("3", 3), ("14.4", 14.4), ("true", True), ("null", None), ("[a, b]", ["a", "b"]), ("2m", "2m")],
)
def test_values_are_written_as_in_a_rules_file(text: str, value: object) -> None:
    assert read_value(text) == value
