import pytest

from pipeline.core.rules import (
    Budget,
    BurnRate,
    Change,
    Condition,
    ErrorCount,
    ErrorsPerSecond,
    Throughput,
)
from tests.core.test_rules_file import mistake_in, mistakes_in, rule_from


@pytest.mark.parametrize(
    ("rule", "condition", "thresholds", "window", "min_samples"),
    [
        ("type: error_count, severities: {warning: 10, critical: 100}", ErrorCount(), [10, 100], "5m", 1),
        ("type: error_count, least: error, window: 1h, severities: {info: 0}", ErrorCount("error"), [0], "1h", 1),
        ("type: errors_per_second, severities: {warning: 0.1/s}", ErrorsPerSecond(), [0.1], "5m", 1),
        ("type: errors_per_second, severities: {warning: 6/m}", ErrorsPerSecond(), [0.1], "5m", 1),
        ("type: errors_per_second, severities: {warning: 360/h}", ErrorsPerSecond(), [0.1], "5m", 1),
        ("type: errors_per_second, severities: {warning: 0.1}", ErrorsPerSecond(), [0.1], "5m", 1),
        ("type: throughput, severities: {warning: 5/s, critical: 1/s}", Throughput("below", "1h"), [5, 1], "5m", 0),
        ("type: throughput, side: above, window: 1h, severities: {info: 9}", Throughput("above"), [9], "1h", 0),
        ("type: budget, budget: 250ms, severities: {warning: 80%}", Budget(budget_us=250_000), [0.8], "5m", 20),
        (
            "type: budget, budget: 1s, statistic: avg, severities: {warning: 0.8, critical: 120%}",
            Budget(budget_us=1_000_000, statistic="avg", quantile=0),
            [0.8, 1.2],
            "5m",
            20,
        ),
        (
            "type: burn_rate, objective: 99.9%, severities: {critical: 14.4}",
            BurnRate(objective=0.999, short_window="5m"),
            [14.4],
            "1h",
            20,
        ),
        (
            "type: burn_rate, objective: 0.99, window: 15m, exclude_client_errors: true, severities: {critical: 6x}",
            BurnRate(objective=0.99, short_window="1m", exclude_client_errors=True),
            [6],
            "15m",
            20,
        ),
        (
            "type: change, of: error_rate, severities: {warning: 3}",
            Change(of="error_rate", against="1h"),
            [3],
            "5m",
            20,
        ),
        (
            "type: change, of: response_time, statistic: p50, window: 1m, against: 15m, severities: {warning: 1.5x}",
            Change(of="response_time", against="15m", quantile=0.5),
            [1.5],
            "1m",
            20,
        ),
        (
            "type: change, of: throughput, side: below, severities: {warning: 0.5, critical: 0.1}",
            Change(of="throughput", against="1h", side="below"),
            [0.5, 0.1],
            "5m",
            20,
        ),
    ],
)
def test_a_condition_is_read_as_people_write_it(
    rule: str, condition: Condition, thresholds: list[float], window: str, min_samples: int
) -> None:
    found = rule_from(f"{{name: a, {rule}}}")
    assert found.condition == condition
    assert [one.value for one in found.thresholds] == thresholds
    assert (found.window, found.min_samples) == (window, min_samples)


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("type: resource", "type resource can't be used yet: samples (CPU, memory and the like) are kept"),
        ("type: slo", "did you mean burn_rate?"),
        ("type: error_count, severities: {warning: 1.5}", "a whole number of errors, such as 10"),
        ("type: error_count, least: fatal, severities: {warning: 1}", "warning, error or critical"),
        ("type: errors_per_second, severities: {warning: 1/d}", "a rate such as 0.1/s, 6/m or 300/h"),
        ("type: errors_per_second, severities: {warning: -1}", "a rate such as 0.1/s, 6/m or 300/h"),
        ("type: throughput, severities: {warning: 0}", "could never fire"),
        ("type: throughput, severities: {warning: 1/s, critical: 5/s}", "critical 5/s must be less than warning 1/s"),
        ("type: throughput, min_samples: 5, severities: {warning: 1/s}", "key 'min_samples' is for"),
        ("type: throughput, on_time: false, severities: {warning: 1/s}", "a window that is not full yet is always low"),
        ("type: throughput, window: 1h, severities: {warning: 1/s}", "window: 1h is the longest that is kept"),
        ("type: budget, severities: {warning: 80%}", "budget is missing; for example budget: 1s"),
        ("type: budget, budget: 30m, severities: {warning: 200%}", "this could never fire"),
        ("type: budget, budget: 1s, severities: {warning: much}", "a percentage of the budget such as 80%"),
        ("type: burn_rate, severities: {critical: 14.4}", "objective is missing; for example objective: 99.9%"),
        ("type: burn_rate, objective: 100%, severities: {critical: 2}", "less than 100%, such as 99.9%"),
        ("type: burn_rate, objective: 99.9, severities: {critical: 2}", "less than 100%, such as 99.9%"),
        ("type: burn_rate, objective: 99%, severities: {critical: fast}", "a factor such as 14.4"),
        (
            "type: burn_rate, objective: 92%, severities: {critical: 14.4}",
            (
                "less than 12.5: at an objective of 92% that is the burn rate of a total outage, so this could never "
                "fire (14.4 needs an objective above 93.06%)"
            ),
        ),
        (
            "type: burn_rate, objective: 99%, short_window: 1h, severities: {critical: 2}",
            "a window that is kept and is shorter than 1h: 1m, 5m, 15m (the settings PIPELINE_WINDOWS, PIPELINE_LONG_WINDOWS)",
        ),
        (
            "type: burn_rate, objective: 99%, window: 1m, short_window: 1m, severities: {critical: 2}",
            "a window that is kept and is shorter than 1m: there is none",
        ),
        (
            "type: burn_rate, objective: 99%, window: 6h, severities: {critical: 6}",
            "a window that is kept: 1m, 5m, 15m, 1h (the settings PIPELINE_WINDOWS, PIPELINE_LONG_WINDOWS)",
        ),
        ("type: burn_rate, objective: 99%, window: 5m, severities: {critical: 2}", "short_window is missing"),
        ("type: change, severities: {warning: 3}", "of is missing; for example of: error_rate"),
        ("type: change, of: errors, severities: {warning: 3}", "error_rate, throughput or response_time"),
        ("type: change, of: error_rate, severities: {warning: 0.5}", "1 or more, as side is above"),
        ("type: change, of: error_rate, side: below, severities: {warning: 2}", "more than 0 and at most 1"),
        ("type: change, of: response_time, statistic: avg, severities: {warning: 2}", "a percentile such as p50"),
        ("type: change, of: error_rate, window: 1h, severities: {warning: 2}", "no window longer than 1h is kept"),
        (
            "type: change, of: error_rate, window: 15m, against: 5m, severities: {warning: 2}",
            "a window that is kept and is longer than 15m: 1h",
        ),
    ],
)
def test_what_cannot_be_or_could_never_fire_is_refused_with_what_is_allowed(rule: str, text: str) -> None:
    assert text in mistake_in(f"{{name: a, {rule}}}")


@pytest.mark.parametrize(("objective", "refused"), [("93.05%", True), ("93.06%", False)])
def test_the_edge_of_what_a_total_outage_can_fire_is_exact(
    objective: str,
    refused: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    rule = f"{{name: a, type: burn_rate, objective: {objective}, severities: {{critical: 14.4}}}}"
    if refused:
        assert "could never fire" in mistake_in(rule)
    else:
        assert rule_from(rule)


def test_a_total_outage_is_not_above_its_own_burn_rate() -> None:
    assert "could never fire" in mistake_in(
        "{name: a, type: burn_rate, objective: 99.9%, severities: {critical: 1000}}"
    )
    assert rule_from("{name: a, type: burn_rate, objective: 99.9%, severities: {critical: 999}}")


def test_a_mistake_in_a_new_type_has_the_line_of_its_key() -> None:
    text = """rules:
  - name: slo
    type: burn_rate
    objective: 90%
    severities:
      warning: 6
      critical: 14.4
"""
    (found,) = mistakes_in(text)
    assert found.startswith("7: severities critical: found 14.4; allowed: less than 10: ")
