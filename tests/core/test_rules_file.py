from pathlib import Path

import pytest

from pipeline.core.rules import (
    Absence,
    CriticalError,
    ErrorCount,
    ErrorRate,
    Match,
    ResponseTime,
    Rule,
    SlowOperations,
    SuccessRate,
    Threshold,
)
from pipeline.core.series import Series
from pipeline.errors import FatalError
from pipeline.rules_conditions import default_window
from pipeline.rules_file import load_rules, parse_rules
from pipeline.yaml_file import YamlFileError

WINDOWS = ("1m", "5m", "15m", "1h")


def rule_from(text: str) -> Rule:
    (rule,) = parse_rules(f"rules:\n  - {text}\n", "rules.yaml", WINDOWS)
    return rule


def mistakes_in(text: str) -> list[str]:
    with pytest.raises(YamlFileError) as caught:
        parse_rules(text, "rules.yaml", WINDOWS)
    lines = str(caught.value).splitlines()
    assert all(line.startswith("rules.yaml:") for line in lines[:-1])
    assert lines[-1].endswith("in the rules file")
    return [line.removeprefix("rules.yaml:") for line in lines[:-1]]


def mistake_in(rule: str) -> str:
    (found,) = mistakes_in(f"rules:\n  - {rule}\n")
    assert found.startswith("2: ")
    return found.removeprefix("2: ")


def test_the_default_rules_are_those_of_the_five_systems() -> None:
    rules = {rule.name: rule for rule in load_rules(None, WINDOWS)}
    assert [rule.condition for rule in rules.values()] == [
        ErrorRate(),
        SuccessRate(),
        ResponseTime(statistic="percentile", quantile=0.95),
        SlowOperations(slow_from_us=1_000_000),
        ErrorCount(),
        CriticalError(),
        Absence(),
    ]
    assert rules["error-rate"].thresholds == (Threshold("warning", 0.02), Threshold("critical", 0.05))
    assert rules["success-rate"].thresholds == (Threshold("warning", 0.95), Threshold("critical", 0.9))
    assert rules["response-time"].thresholds == (Threshold("warning", 1_000_000), Threshold("critical", 2_000_000))
    assert rules["slow-operations"].thresholds == (Threshold("warning", 3), Threshold("critical", 10))
    assert rules["system-down"].thresholds == (Threshold("critical", 120_000),)
    assert (rules["error-count"].thresholds, rules["error-count"].window) == ((Threshold("warning", 10),), "1h")
    assert rules["system-down"].group_by == "service"
    assert {rule.cooldown_ms for rule in rules.values()} == {300_000}
    assert [rules[name].min_samples for name in ("error-rate", "response-time", "success-rate")] == [20, 20, 20]


@pytest.mark.parametrize(("windows", "taken"), [(("1m", "15m"), "1m"), (("15m", "1h"), "15m"), (("5m",), "5m")])
def test_the_default_rules_fit_whatever_windows_are_kept(windows: tuple[str, ...], taken: str) -> None:
    assert default_window(windows) == taken
    assert {rule.window for rule in load_rules(None, windows) if rule.type == "error_rate"} == {taken}


def test_every_key_of_a_rule_arrives() -> None:
    rule = rule_from(
        "{name: a, type: error_rate, window: 15m, group_by: service, match: {service: 'checkout*', "
        "environment: [prod, staging]}, severities: {info: 0.5%, critical: 0.05}, for: 90s, cooldown: 1h, "
        "min_samples: 5, on_time: true, exclude_client_errors: true, labels: {team: payments, tier: 1}, enabled: true, "
        "keep_firing: 3m, recovery: {info: 0.2%}, no_data: keep, confidence: 0.95, message: '{series}: {value}', "
        "runbook: 'https://wiki/errors'}"
    )
    assert rule == Rule(
        name="a",
        condition=ErrorRate(exclude_client_errors=True),
        thresholds=(Threshold("info", 0.005), Threshold("critical", 0.05)),
        window="15m",
        group_by="service",
        match=Match(environment=("prod", "staging"), service=("checkout*",)),
        for_ms=90_000,
        cooldown_ms=3_600_000,
        min_samples=5,
        on_time=True,
        labels={"team": "payments", "tier": "1"},
        keep_firing_ms=180_000,
        recovery=(Threshold("info", 0.002),),
        no_data="keep",
        confidence=0.95,
        message="{series}: {value}",
        runbook="https://wiki/errors",
    )


@pytest.mark.parametrize(
    ("statistic", "label", "quantile"),
    [("p50", "p50", 0.5), ("p99", "p99", 0.99), ("p99.9", "p99.9", 0.999), ("avg", "avg", 0), ("max", "max", 0)],
)
def test_a_response_time_is_an_average_a_maximum_or_any_percentile(statistic: str, label: str, quantile: float) -> None:
    condition = rule_from(
        f"{{name: a, type: response_time, statistic: {statistic}, severities: {{warning: 1s}}}}"
    ).condition
    assert isinstance(condition, ResponseTime)
    assert (condition.label, condition.quantile) == (label, quantile)


def test_slow_operations_have_a_threshold_of_their_own_and_need_no_minimum_of_calls() -> None:
    rule = rule_from("{name: a, type: slow_operations, slow_from: 250ms, severities: {warning: 3}}")
    assert rule.condition == SlowOperations(slow_from_us=250_000)
    assert rule.min_samples == 1


def test_a_critical_error_rule_has_a_hold_time_and_one_severity() -> None:
    rule = rule_from("{name: a, type: critical_error, hold: 10m, severity: warning}")
    assert rule.condition == CriticalError(hold_ms=600_000)
    assert rule.thresholds == (Threshold("warning", 0),)


def test_absence_names_series_as_alerts_write_them() -> None:
    rule = rule_from("{name: a, type: absence, severities: {warning: 1m, critical: 5m}, expect: [prod/checkout]}")
    assert rule.condition == Absence(expect=(Series("prod", "checkout", ""),))
    rule = rule_from(
        "{name: a, type: absence, group_by: operation, severities: {critical: 1m}, expect: ['prod/web/GET /a/b']}"
    )
    assert rule.condition == Absence(expect=(Series("prod", "web", "GET /a/b"),))


def test_a_disabled_rule_is_checked_and_left_out() -> None:
    text = "rules:\n  - {name: a, type: critical_error, enabled: false}\n"
    assert parse_rules(text, "rules.yaml", WINDOWS) == []
    assert mistakes_in(text.replace("critical_error", "critical_eror"))


def test_a_percentage_is_the_number_nearest_to_it() -> None:
    for percent in (0.1, 2, 5, 7.3, 29, 58):
        rule = rule_from(f"{{name: a, type: error_rate, severities: {{warning: {percent}%}}}}")
        assert rule.thresholds[0].value == float(f"{percent}e-2")


def test_all_mistakes_are_told_at_once_each_with_its_line_and_what_is_allowed() -> None:
    text = """rules:
  - name: errors
    type: error_rat
    severities: {warning: 2%}
  - name: errors
    type: error_rate
    serverities: {warning: 2%}
    statistic: p95
  - name: slow
    type: response_time
    statistic: p101
    window: 7m
    match:
      servce: checkout
    severities:
      warning: 2000
      fatal: 3s
  - just text
"""
    assert mistakes_in(text) == [
        (
            "3: type 'error_rat' is unknown; did you mean error_rate? allowed: error_rate, success_rate, response_time, "
            "slow_operations, error_count, errors_per_second, throughput, budget, burn_rate, change, critical_error, absence"
        ),
        "5: name 'errors' is taken by the rule in line 2",
        (
            "7: key 'serverities' is unknown; did you mean severities? allowed: name, type, enabled, match, cooldown, labels, "
            "message, runbook, group_by, severities, recovery, window, for, keep_firing, min_samples, on_time, no_data, "
            "exclude_client_errors, confidence"
        ),
        (
            "8: key 'statistic' is for response_time, budget, change, not for error_rate; allowed: name, type, enabled, match, "
            "cooldown, labels, message, runbook, group_by, severities, recovery, window, for, keep_firing, min_samples, "
            "on_time, no_data, exclude_client_errors, confidence"
        ),
        "11: statistic: found 'p101'; allowed: avg, max or a percentile such as p50, p95, p99 or p99.9",
        "12: window: found '7m'; allowed: a window that is kept: 1m, 5m, 15m, 1h (the settings PIPELINE_WINDOWS, PIPELINE_LONG_WINDOWS)",
        (
            "14: match key 'servce' is unknown; did you mean service? allowed: environment, service, operation "
            "(with group_by: operation)"
        ),
        "16: severities warning: found 2000; allowed: a duration with its unit, such as 250ms, 30s, 5m or 1h",
        "17: severity 'fatal' is unknown; allowed: info, warning, critical",
        "18: found 'just text'; a rules file is `rules:` with a list under it, of which each has name, type and severities",
    ]


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("{type: critical_error}", "name is missing"),
        ("{name: a}", "type is missing; allowed: error_rate"),
        ("{name: a, type: system_down}", "did you mean absence?"),
        ("{name: 'a b', type: critical_error}", "letters, digits, dots, dashes and underscores"),
        ("{name: 7, type: critical_error}", "name: found 7"),
        ("{name: a, type: error_rate}", "severities is missing; for example severities: {warning: 2%, critical: 5%}"),
        ("{name: a, type: error_rate, threshold: 2%}", "did you mean severities?"),
        ("{name: a, type: error_rate, severities: 2%}", "found '2%'; allowed: a mapping such as {warning: 2%"),
        ("{name: a, type: error_rate, severities: {}}", "a mapping such as {warning: 2%"),
        ("{name: a, type: error_rate, severities: {warning: 2}}", "found 2; allowed: a percentage such as 2%"),
        ("{name: a, type: error_rate, severities: {warning: 100%}}", "could never fire"),
        ("{name: a, type: error_rate, severities: {warning: -1%}}", "a percentage such as 2%"),
        ("{name: a, type: error_rate, severities: {warning: .nan}}", "a percentage such as 2%"),
        ("{name: a, type: error_rate, severities: {warning: true}}", "a percentage such as 2%"),
        ("{name: a, type: success_rate, severities: {warning: 0%}}", "could never fire"),
        ("{name: a, type: success_rate, severities: {warning: 95}}", "a percentage such as 95%"),
        ("{name: a, type: response_time, severities: {warning: 1h}}", "less than 1h"),
        ("{name: a, type: response_time, severities: {warning: 0}}", "longer than 0"),
        ("{name: a, type: response_time, severities: {warning: 0.5ms}}", "whole milliseconds"),
        ("{name: a, type: response_time, statistic: p0, severities: {warning: 1s}}", "avg, max or a percentile"),
        ("{name: a, type: response_time, percentile: p99, severities: {warning: 1s}}", "did you mean statistic?"),
        ("{name: a, type: slow_operations, severities: {warning: 3%}}", "a number of calls per minute"),
        ("{name: a, type: slow_operations, severities: {warning: .inf}}", "a number of calls per minute"),
        ("{name: a, type: absence, severities: {warning: 1d}}", "less than 24h"),
        ("{name: a, type: absence, severities: {warning: 1m}, expect: [prod]}", "a list of environment/service, each"),
        ("{name: a, type: absence, severities: {warning: 1m}, expect: prod/a}", "a list of environment/service, each"),
        (
            "{name: a, type: absence, severities: {warning: 1m}, expect: [prod/a], match: {service: a}}",
            "match and expect exclude each other",
        ),
        ("{name: a, type: critical_error, hold: 0}", "longer than 0"),
        ("{name: a, type: critical_error, group_by: service}", "key 'group_by' is for error_rate"),
        ("{name: a, type: critical_error, cooldown: 5}", "a duration with its unit"),
        ("{name: a, type: critical_error, labels: [x]}", "labels: found a list; allowed: a mapping"),
        ("{name: a, type: critical_error, labels: {x: [1]}}", "label 'x': found a list"),
        ("{name: a, type: critical_error, match: {service: ''}}", "a name or glob"),
        ("{name: a, type: critical_error, enabled: yes}", "found 'yes'; allowed: true or false"),
        (
            "{name: a, type: error_rate, group_by: service, match: {operation: pay}, severities: {warning: 2%}}",
            "allowed: environment, service (with group_by: service)",
        ),
        (
            "{name: a, type: error_rate, severities: {warning: 5%, critical: 2%}}",
            "severities: critical 2% must be more than warning 5%",
        ),
        (
            "{name: a, type: success_rate, severities: {critical: 95%, warning: 90%}}",
            "severities: critical 95% must be less than warning 90%",
        ),
    ],
)
def test_a_mistake_says_what_was_found_and_what_is_allowed(rule: str, text: str) -> None:
    assert text in mistake_in(rule)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "1: found nothing; a rules file is `rules:` with a list"),
        ("- a\n", "1: found a list"),
        ("rules: 3\n", "1: rules: found 3"),
        ("rules:\n", "1: rules: found nothing"),
        ("# none\nrule: []\n", "2: key 'rule' is unknown; did you mean rules?"),
        ("rules:\n  - name: [\n", "3: not valid YAML"),
        ("rules:\n  - name: a\n    name: b\n", '3: not valid YAML: found duplicate key "name"'),
        ("rules: []\n\x00", "1: not valid YAML"),
    ],
)
def test_a_file_that_is_not_a_list_of_rules_is_refused_with_its_line(text: str, message: str) -> None:
    (found,) = mistakes_in(text)
    assert found.startswith(message)


def test_no_rules_at_all_is_a_choice() -> None:
    assert parse_rules("rules: []\n", "rules.yaml", WINDOWS) == []


def test_a_file_that_is_not_there_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="PIPELINE_RULES") as caught:
        load_rules(tmp_path / "none.yaml", WINDOWS)
    assert "none.yaml" in str(caught.value)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FatalError, match="can't be read"):
        load_rules(tmp_path / "rules.yaml", WINDOWS)


def test_a_file_is_read_from_its_path(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text("rules:\n  - {name: a, type: critical_error}\n")
    assert [rule.name for rule in load_rules(tmp_path / "rules.yaml", WINDOWS)] == ["a"]
