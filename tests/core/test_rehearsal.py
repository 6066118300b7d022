from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pipeline.core.series import Series
from pipeline.rehearsal.events import happening, spread
from pipeline.rehearsal.outcome import compare, is_good
from pipeline.rehearsal.perform import Found, perform, tick_ms
from pipeline.rehearsal.script import Expected, Script, Traffic
from pipeline.rehearsal.script_file import load_script, moment_ms, parse_script
from pipeline.settings import Settings
from pipeline.yaml_file import YamlFileError

SETTINGS = Settings()
PAY = "prod/checkout/pay"
STORM = """
rules:
  - {name: errors, type: error_rate, window: 1m, severities: {warning: 2%}}
windows: [1m]
events:
  - {every: 1s, for: 1m, service: checkout, operation: pay}
  - {from: 1m, every: 1s, for: 30s, service: checkout, operation: pay, failed: 100%}
expect:
  - {at: 1m10s, rule: errors, series: prod/checkout/pay, state: firing}
only: true
"""


def script(text: str) -> Script:
    return parse_script(text, Path("storm.yaml"), SETTINGS)


def mistakes(text: str) -> list[str]:
    with pytest.raises(YamlFileError) as caught:
        script(text)
    *lines, last = str(caught.value).splitlines()
    assert last.endswith("in the test of rules")
    return [line.removeprefix("storm.yaml:") for line in lines]


def test_a_share_of_events_is_spread_evenly_and_exactly() -> None:
    assert np.flatnonzero(spread(Fraction(3, 100), 100)).tolist() == [33, 66, 99]
    assert spread(Fraction(201, 10_000), 10_000).sum() == 201
    assert not spread(Fraction(0), 10).any()
    assert spread(Fraction(1), 10).all()


def test_events_come_in_order_of_time_in_the_ticks_that_they_fall_into() -> None:
    pay, log = Series("prod", "checkout", "pay"), Series("prod", "checkout", "")
    calls = Traffic(series=pay, from_ms=500, every_ms=1_000, end_ms=2_600, calls=2, failed=Fraction(1, 2))
    other = Traffic(series=pay, from_ms=0, every_ms=1, end_ms=1, cancelled=Fraction(1))
    errors = Traffic(series=log, from_ms=1_200, every_ms=1, end_ms=1_201, error="critical")
    found = dict(happening([calls, other, errors], errors=False, start_ms=0).ticks(1_000))
    assert {tick: columns.timestamp_ms.tolist() for tick, columns in found.items()} == {
        0: [0, 500, 500],
        1: [1_500, 1_500],
        2: [2_500, 2_500],
    }
    assert [columns.offset.tolist() for columns in found.values()] == [[0, 1, 2], [3, 4], [5, 6]]
    ((tick, told),) = happening([calls, other, errors], errors=True, start_ms=0).ticks(1_000)
    assert (tick, told.timestamp_ms.tolist(), told.duration_us) == (1, [1_200], None)


def test_a_script_that_comes_true_is_good() -> None:
    one = script(STORM)
    lines = compare(one.expected, perform(one, SETTINGS), only=one.only)
    assert [line.verdict for line in lines] == ["as expected"]
    assert is_good(lines)


def test_a_performance_is_the_same_each_time() -> None:
    assert perform(script(STORM), SETTINGS) == perform(script(STORM), SETTINGS)


def found_in_storm() -> list[Found]:
    return perform(script(STORM), SETTINGS)


@pytest.mark.parametrize(
    "change",
    [{"at_ms": 80_000}, {"state": "pending"}, {"severity": "critical"}, {"notify": False}, {"series": "prod/checkout"}],
)
def test_an_expectation_that_is_not_met_is_missing_beside_what_is_nearest(change: dict[str, object]) -> None:
    (expected,) = script(STORM).expected
    lines = compare([replace(expected, **change)], found_in_storm(), only=False)  # type: ignore[arg-type]
    assert sorted(line.verdict for line in lines) == ["missing", "not asked"]
    assert not is_good(lines)
    (missing,) = (line for line in lines if line.verdict == "missing")
    assert (missing.found is None) == ("series" in change)


def test_what_nobody_expected_is_wrong_only_where_nothing_else_may_happen() -> None:
    assert is_good(compare([], found_in_storm(), only=False))
    assert not is_good(compare([], found_in_storm(), only=True))


def test_one_transition_does_not_meet_two_expectations() -> None:
    (expected,) = script(STORM).expected
    lines = compare([expected, expected], found_in_storm(), only=True)
    assert sorted(line.verdict for line in lines) == ["as expected", "missing"]


def test_a_time_may_be_off_by_as_much_as_it_says() -> None:
    expected = Expected(line=1, at_ms=64_000, within_ms=6_000, rule="errors", series=PAY, state="firing")
    assert is_good(compare([expected], found_in_storm(), only=True))
    assert not is_good(compare([replace(expected, within_ms=5_999)], found_in_storm(), only=True))


def test_a_long_script_ticks_less_often() -> None:
    assert [tick_ms(minutes * 60_000) for minutes in (1, 30, 31, 60, 600)] == [1_000, 1_000, 2_000, 2_000, 5_000]


@pytest.mark.parametrize(
    ("text", "ms"), [("0s", 0), ("90s", 90_000), ("6m20s", 380_000), ("1h0m50s", 3_650_000), ("51.8s", 51_800)]
)
def test_a_time_is_read_as_people_write_it(text: str, ms: int) -> None:
    assert moment_ms(text) == ms


def test_all_mistakes_of_a_script_are_told_with_their_lines() -> None:
    text = """rules:
  - {name: errors, type: error_rat, severities: {warning: 2%}}
evnts: []
windows: [1m, 65s]
events:
  - {every: 1s, service: checkout, operation: pay, failed: 300%}
  - {at: 3s, for: 1m, service: checkout, error: fatal}
  - nothing
expect:
  - {at: soon, rule: errors, state: on}
until: never
"""
    found = mistakes(text)
    assert [line.split(": ")[0] for line in found] == ["2", "3", "4", "6", "6", "7", "7", "8", "10", "10", "10", "11"]
    told = "\n".join(found)
    for part in (
        "did you mean error_rate?",
        "test key 'evnts' is unknown; did you mean events?",
        "each of whole panes of 10s",
        "for is missing; for example for: 5m",
        "failed: found '300%'; allowed: a percentage such as 3%",
        "at and for exclude each other",
        "error: found 'fatal'; allowed: warning, error or critical",
        "events: found 'nothing'; allowed: for example {from: 0s",
        "at: found 'soon'; allowed: a time such as 0s, 90s, 6m20s or 1h",
        "series is missing; for example series: prod/checkout/pay",
        "state: found 'on'; allowed: pending, firing",
        "until: found 'never'",
    ):
        assert part in told


def test_a_rule_that_is_not_there_and_a_time_at_which_nothing_is_decided_are_mistakes() -> None:
    (line,) = mistakes(STORM.replace("rule: errors", "rule: error"))
    assert line == "9: rule: found 'error'; allowed: errors"
    (line,) = mistakes(STORM.replace("at: 1m10s", "at: 1m12s"))
    assert "the end of a step, which are 10s long, or any time with within: 10s" in line


def test_a_script_that_would_take_for_ever_is_refused() -> None:
    assert "at most 24h" in mistakes(STORM.replace("for: 30s", "for: 25h"))[0]
    assert "at most 5,000,000" in mistakes(STORM.replace("for: 30s", "for: 30s, calls: 1000000"))[0]


def test_what_is_no_mapping_or_no_yaml_is_refused(tmp_path: Path) -> None:
    assert "found a list; allowed: a mapping of rules" in mistakes("- a\n")[0]
    assert "not valid YAML" in mistakes("rules: [\n")[0]
    with pytest.raises(Exception, match="can't be read"):
        load_script(tmp_path / "none.yaml", SETTINGS)


def test_rules_stand_in_a_file_beside_the_script_or_in_a_preset(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text("rules: [{name: errors, type: error_rate, severities: {warning: 1%}}]")
    (tmp_path / "storm.yaml").write_text("rules: rules.yaml\nevents: []\nexpect: []\n")
    assert [rule.name for rule in load_script(tmp_path / "storm.yaml", SETTINGS).rules] == ["errors"]
    preset = script("rules: preset:burn-rate\nevents: []\nexpect: []\n")
    assert [rule.name for rule in preset.rules] == [
        "burn-rate-fast",
        "burn-rate-steady",
        "burn-rate-day",
        "burn-rate-slow",
    ]
