"""Hysteresis: a severity that was reached holds until the value is back where it recovers."""

from tests.scenarios.timeline import Timeline

RULE = """rules:
  - name: errors
    type: error_rate
    window: 1m
    severities: {warning: 10%, critical: 30%}
    recovery: {warning: 5%, critical: 20%}
    keep_firing: 0
"""


def rates(rule: str, *percent: int) -> list[str]:
    """One minute after the other, each at one error rate; what a look at the end of each changes."""
    line = Timeline(rule)
    for minute, rate in enumerate(percent):
        line.traffic.add(minute * 60 + 5, 100, rate)
    found = []
    for minute in range(len(percent)):
        end = (minute + 1) * 60
        found += [f"{percent[minute]} {one.state.state} {one.state.severity}" for one in line.step(end)]
    return found


def test_between_threshold_and_recovery_what_fires_goes_on() -> None:
    assert rates(RULE, 12, 9, 6, 5) == ["12 firing warning", "5 resolved warning"]


def test_between_threshold_and_recovery_nothing_begins() -> None:
    assert rates(RULE, 9, 6, 10) == []


def test_each_severity_recovers_at_its_own_threshold() -> None:
    assert rates(RULE, 31, 25, 21, 20, 12, 6, 4) == [
        "31 firing critical",
        "20 firing warning",
        "4 resolved warning",
    ]


def test_a_severity_that_has_recovered_begins_again_at_its_threshold() -> None:
    assert rates(RULE, 31, 20, 25, 30, 31) == ["31 firing critical", "20 firing warning", "31 firing critical"]


def test_a_severity_without_a_recovery_threshold_ends_where_it_begins() -> None:
    rule = RULE.replace("{warning: 5%, critical: 20%}", "5%")
    assert rates(rule, 31, 30, 6, 5) == ["31 firing critical", "30 firing warning", "5 resolved warning"]


def test_what_recovers_is_brought_back_by_a_breach_and_not_by_a_value_between() -> None:
    rule = RULE.replace("keep_firing: 0", "keep_firing: 3m")
    assert rates(rule, 12, 4, 9, 9, 11, 4) == [
        "12 firing warning",
        "4 recovering warning",
        "11 firing warning",
        "4 recovering warning",
    ]
    assert rates(rule, 12, 4, 9, 9, 9) == ["12 firing warning", "4 recovering warning", "9 resolved warning"]


def test_a_success_rate_recovers_above_its_threshold() -> None:
    rule = RULE.replace("error_rate", "success_rate").replace("{warning: 10%, critical: 30%}", "{warning: 90%}")
    rule = rule.replace("{warning: 5%, critical: 20%}", "95%")
    assert rates(rule, 11, 6, 5) == ["11 firing warning", "5 resolved warning"]


def test_a_percentile_recovers_below_its_threshold() -> None:
    line = Timeline("""rules:
  - {name: p95, type: response_time, window: 1m, severities: {warning: 1s}, recovery: 500ms, keep_firing: 0}
""")
    for minute, duration_ms in enumerate((1_100, 900, 510, 490)):
        line.traffic.add(minute * 60 + 5, 100, duration_us=duration_ms * 1_000)
    told = [(minute, one.state.state) for minute in range(4) for one in line.step((minute + 1) * 60)]
    assert told == [(0, "firing"), (3, "resolved")]


def test_few_calls_between_threshold_and_recovery_leave_it_as_it_is() -> None:
    line = Timeline(RULE)
    line.traffic.add(5, 100, 12)
    line.traffic.add(65, 10, 1)
    line.traffic.add(125, 10, 0)
    told = [(end, one.state.state) for end in (60, 120, 180) for one in line.step(end)]
    assert told == [(60, "firing"), (180, "resolved")]
