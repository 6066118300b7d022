"""What the decision log says, and how often."""

from __future__ import annotations

import msgspec
import pytest

from pipeline.core.alert_engine import evaluate, take
from pipeline.core.alert_reasons import Reason
from pipeline.core.alert_rules import CompiledRules
from pipeline.core.alert_state import AlertStates
from pipeline.core.alert_transition import Decision
from pipeline.core.decision_log import DecisionLog, decision_id
from pipeline.core.decision_throttle import AGAIN_MS, DecisionThrottle
from pipeline.core.rule_version import rule_version
from pipeline.rules_file import parse_rules
from pipeline.settings import window_ms
from schemas.structs import AlertDecision
from tests.contracts.told_records import alert
from tests.scenarios.timeline import PAY, WINDOWS, Traffic, ms

RULES = "rules:\n  - {name: errors, type: error_rate, window: 1m, severities: {warning: 2%, critical: 50%}, for: 20s}\n"
LENGTHS = {name: window_ms(name) for name in WINDOWS}


def kept(step: int, reason: Reason = Reason.MIN_SAMPLES, alert_id: str | None = None) -> Decision:
    return Decision(
        rule="r", series=PAY, step_end_ms=step * 10_000, decided="on_time", reason=reason, alert_id=alert_id
    )


class Told:
    """The log over traffic, step by step."""

    def __init__(self, traffic: Traffic, rules: str = RULES) -> None:
        self.rules = CompiledRules(parse_rules(rules, "r.yaml", WINDOWS))
        self.states, self.log, self.traffic = AlertStates(), DecisionLog(LENGTHS), traffic

    def run(self, start: int, end: int) -> list[AlertDecision]:
        found: list[AlertDecision] = []
        for at in range(start, end + 1, 10):
            evaluation = evaluate(self.rules, self.traffic.view(ms(at)), self.states)
            take(self.states, evaluation)
            found += self.log.told(self.rules, evaluation, self.states)
        return found


def storm(calls: int) -> Traffic:
    traffic = Traffic()
    traffic.steady(0, 600, calls=calls, failures=calls)
    return traffic


# ---- what a record says


def test_a_change_is_told_with_all_that_it_rests_on() -> None:
    waiting, fired = Told(storm(30)).run(10, 40)
    assert (waiting.reason, waiting.previous_state, waiting.state) == ("WAITING", "inactive", "pending")
    assert (fired.reason, fired.previous_state, fired.state, fired.severity) == (
        "BREACH",
        "pending",
        "firing",
        "critical",
    )
    assert (fired.value, fired.comparison, fired.threshold, fired.unit) == (1.0, ">", 0.5, "ratio")
    assert (fired.samples, fired.min_samples, fired.notice) == (90, 20, "NOTIFY_FIRST")
    assert (fired.window, fired.window_start_ms, fired.window_end_ms) == ("1m", ms(30) - 60_000, ms(30))
    assert (fired.watermark_ms, fired.completeness, fired.sequence) == (ms(30), 1.0, 2)
    assert fired.alert_id == waiting.alert_id


def test_what_changes_nothing_is_told_with_what_was_seen() -> None:
    (few,) = Told(storm(1)).run(10, 60)
    assert (few.reason, few.previous_state, few.state) == ("MIN_SAMPLES", "inactive", "inactive")
    assert (few.value, few.threshold, few.samples, few.min_samples) == (1.0, 0.02, 1, 20)
    assert (few.alert_id, few.notice, few.severity) == (None, None, None)
    assert few.window_end_ms - few.window_start_ms == 60_000


def test_a_replay_tells_the_same_records() -> None:
    assert Told(storm(30)).run(10, 120) == Told(storm(30)).run(10, 120)


def test_after_a_crash_a_state_says_why_it_was_changed() -> None:
    told = Told(storm(30))
    records = told.run(10, 40)
    again = told.log.told_again(told.rules, told.states)
    assert again == records[-1:]


def test_a_rule_that_is_gone_is_told_without_its_version() -> None:
    told = Told(storm(30))
    told.run(10, 40)
    told.rules = CompiledRules([])
    (gone,) = told.run(50, 60)
    assert (gone.reason, gone.state, gone.rule_version, gone.rule_type) == (
        "RULE_REMOVED",
        "resolved",
        "",
        "error_rate",
    )
    assert gone.notice == "NOTIFY_RESOLVED"


def test_another_threshold_is_another_version() -> None:
    (rule,) = parse_rules(RULES, "r.yaml", WINDOWS)
    (same,) = parse_rules(RULES, "r.yaml", WINDOWS)
    (other,) = parse_rules(RULES.replace("50%", "60%"), "r.yaml", WINDOWS)
    assert rule_version(rule) == rule_version(same) != rule_version(other)
    assert len(rule_version(rule)) == 8


@pytest.mark.parametrize(
    "changes", [{"rule": "s"}, {"step_end_ms": 1}, {"decided": "early"}, {"reason": Reason.DUPLICATE}]
)
def test_the_identity_is_of_rule_series_step_and_reason(changes: dict[str, object]) -> None:
    one = kept(1)
    fields = {name: getattr(one, name) for name in ("rule", "series", "step_end_ms", "decided", "reason")}
    assert decision_id(Decision(**fields)) == decision_id(one)
    assert decision_id(Decision(**(fields | changes))) != decision_id(one)
    assert decision_id(Decision(**(fields | {"value": 3.0, "samples": 9}))) == decision_id(one)


def test_two_episodes_that_begin_at_one_instant_are_two_decisions() -> None:
    one = alert()
    told = [msgspec.structs.replace(one, alert_id=name) for name in ("a1", "a2")]
    fields = {name: getattr(kept(1), name) for name in ("rule", "series", "step_end_ms", "decided", "reason")}
    assert len({decision_id(Decision(**fields, alert=each)) for each in told}) == 2


def test_a_record_is_json_that_is_read_back() -> None:
    (few,) = Told(storm(1)).run(10, 60)
    assert msgspec.json.decode(msgspec.json.encode(few), type=AlertDecision) == few


# ---- how often


def test_the_same_again_is_told_once_a_minute_and_says_since_when() -> None:
    throttle = DecisionThrottle()
    told = {step: since for step in range(1, 31) if (since := throttle.since(kept(step))) is not None}
    assert told == {1: 10_000, 7: 10_000, 13: 10_000, 19: 10_000, 25: 10_000}


def test_a_rule_in_an_hour_of_the_same_tells_sixty_records_a_series() -> None:
    traffic = Traffic()
    traffic.steady(0, 3_600, calls=1, failures=1)
    assert len(Told(traffic).run(10, 3_600)) == 60


def test_what_stopped_for_more_than_a_minute_begins_anew() -> None:
    throttle = DecisionThrottle()
    assert throttle.since(kept(1)) == 10_000
    assert throttle.since(kept(8)) == 80_000


def test_what_comes_and_goes_within_a_minute_is_the_same_still() -> None:
    throttle = DecisionThrottle()
    told = [step for step in range(1, 61, 3) if throttle.since(kept(step)) is not None]
    assert told == [1, 7, 13, 19, 25, 31, 37, 43, 49, 55]


def test_two_reasons_in_turn_do_not_make_each_other_new() -> None:
    throttle = DecisionThrottle()
    turns = [Reason.REPEATED, Reason.DUPLICATE] * 50
    assert sum(throttle.since(kept(1, reason, alert_id="a")) is not None for reason in turns[::2]) == 1
    assert sum(throttle.since(kept(1, reason)) is not None for reason in turns) == 1


def test_a_change_is_always_told_and_what_went_on_begins_anew() -> None:
    throttle = DecisionThrottle()
    assert throttle.since(kept(1)) == 10_000
    assert throttle.since(kept(2, Reason.FROZEN_INCOMPLETE, alert_id="a")) == 20_000
    assert throttle.since(kept(3, Reason.FROZEN_INCOMPLETE, alert_id="a")) == 30_000
    assert throttle.since(kept(4)) == 40_000


def test_what_has_ended_is_forgotten() -> None:
    throttle = DecisionThrottle()
    for number in range(100):
        throttle.since(Decision(rule=f"r{number}", series=PAY, step_end_ms=0, decided="on_time", reason=Reason.WAITING))
    throttle.since(kept(3 * AGAIN_MS // 10_000))
    assert len(throttle) == 1


# ---- rules that change


def test_a_change_that_is_told_again_says_the_same_although_its_rule_is_another_by_now() -> None:
    told = Told(storm(30))
    records = told.run(10, 40)
    for rules in (RULES.replace("50%", "60%").replace("for: 20s", "min_samples: 7"), "rules: []"):
        told.rules = CompiledRules(parse_rules(rules, "r.yaml", WINDOWS))
        assert told.log.told_again(told.rules, told.states) == records[-1:]


def test_what_a_rule_decides_that_has_changed_is_told_anew() -> None:
    told = Told(storm(1))
    (few,) = told.run(10, 30)
    assert told.run(40, 40) == []
    told.rules = CompiledRules(parse_rules(RULES.replace("2%", "3%"), "r.yaml", WINDOWS))
    told.log.forget(["another"])
    assert told.run(50, 50) == []
    told.log.forget(["errors"])
    (again,) = told.run(60, 60)
    assert (again.reason, again.since_ms) == ("MIN_SAMPLES", ms(60))
    assert again.rule_version != few.rule_version
