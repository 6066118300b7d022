import json
import subprocess
import sys

import pytest

from pipeline.core.alert_message import alert_id
from pipeline.core.alert_reasons import Reason
from pipeline.core.alert_sql import events_sql, instant, quoted
from pipeline.core.alert_state import AlertStates, decode_state, encode_state, state_key
from pipeline.core.alert_text import duration_text, summary, value_text
from pipeline.core.rules import (
    Absence,
    Budget,
    BurnRate,
    Change,
    Condition,
    ErrorCount,
    ErrorRate,
    ErrorsPerSecond,
    ResponseTime,
    Rule,
    SlowOperations,
    SuccessRate,
    Threshold,
    Throughput,
)
from pipeline.core.series import OVERFLOW, Series
from schemas.alert import Alert
from schemas.structs import encode
from tests.scenarios.timeline import PAY, Timeline, ms

EVERYTHING = """
rules:
  - {name: errors, type: error_rate, window: 1m, severities: {warning: 2%, critical: 5%}, labels: {team: payments}}
  - {name: successes, type: success_rate, window: 1m, severities: {warning: 95%}}
  - {name: lasting, type: error_rate, window: 1m, for: 20s, severities: {info: 1%}}
  - {name: p95, type: response_time, window: 1m, severities: {warning: 1s}}
  - {name: avg, type: response_time, statistic: avg, window: 1m, severities: {warning: 1s}}
  - {name: max, type: response_time, statistic: max, window: 1m, severities: {warning: 1s}}
  - {name: slow, type: slow_operations, window: 1m, severities: {warning: 3}}
  - {name: critical, type: critical_error, hold: 1m}
  - {name: down, type: absence, group_by: service, severities: {critical: 2m}}
"""


def eventful() -> Timeline:
    line = Timeline(EVERYTHING)
    line.traffic.steady(0, 60, 100, 30, duration_us=3_000_000)
    line.traffic.steady(60, 130, 100)
    line.signal(3, 1)
    line.run(0, 400)
    line.reload("rules: []")
    line.run(400, 410)
    return line


def test_every_alert_is_valid_by_the_contract() -> None:
    line = eventful()
    seen = set()
    for transition in line.transitions:
        assert transition.alert is not None
        alert = Alert.model_validate_json(encode(transition.alert))
        assert json.loads(encode(transition.alert)) == alert.model_dump()
        seen.add((alert.rule_type, alert.state))
        assert alert.notify == alert.notify_reason.startswith("NOTIFY")
    types = {"error_rate", "success_rate", "response_time", "slow_operations", "critical_error", "absence"}
    assert {(kind, "firing") for kind in types} <= seen
    assert {(kind, "resolved") for kind in types} <= seen
    assert ("error_rate", "pending") in seen


def test_an_alert_says_what_share_of_the_sources_had_come_past_its_window() -> None:
    line = eventful()
    early = Timeline(EVERYTHING)
    early.traffic.add(3, 100, 30)
    early.step(10, "early", until=4)
    alerts = [one.alert for one in [*line.transitions, *early.transitions] if one.alert]
    told = {(alert.decided, alert.completeness) for alert in alerts}
    assert told == {("early", 0.75), ("on_time", 1.0), ("signal", None)}


def test_every_transition_is_a_decision_with_its_reason() -> None:
    for evaluation in eventful().evaluations:
        for transition in evaluation.transitions:
            (decision,) = [one for one in evaluation.decisions if one.rule == transition.state.rule]
            assert decision.alert_id == transition.state.last_transition.alert_id
            assert decision.reason == transition.reason
            assert decision.notice == transition.state.last_transition.notify_reason


def test_a_summary_is_one_sentence_with_value_window_threshold_and_calls() -> None:
    first: dict[str, str] = {}
    for transition in eventful().transitions:
        first.setdefault(transition.state.rule, transition.state.last_transition.summary)
    p95 = first.pop("p95")
    assert p95.startswith("p95 response time of prod/checkout/pay is ")
    assert p95.endswith("s over 1m (threshold 1s, 100 calls)")
    assert first == {
        "critical": "critical error in prod/checkout/pay: CardDeclined: no such card",
        "errors": "error rate of prod/checkout/pay is 30 % over 1m (threshold 5 %, 100 calls)",
        "successes": "success rate of prod/checkout/pay is 70 % over 1m (threshold 95 %, 100 calls)",
        "lasting": "error rate of prod/checkout/pay is 30 % over 1m (threshold 1 %, 100 calls); it fires if this lasts 20s",
        "avg": "average response time of prod/checkout/pay is 3s over 1m (threshold 1s, 100 calls)",
        "max": "longest response time of prod/checkout/pay is 3s over 1m (threshold 1s, 100 calls)",
        "slow": "rate of calls of 1s and longer of prod/checkout/pay is 100 per minute over 1m "
        "(threshold 3 per minute, 100 calls)",
        "down": "no events from prod/checkout for 2m (threshold 2m)",
    }


def test_the_id_of_an_episode_is_made_of_rule_series_and_start() -> None:
    one = alert_id("errors", PAY, "1763791210000")
    assert one == alert_id("errors", PAY, "1763791210000")
    assert len(one) == 16
    others = {
        alert_id("errors2", PAY, "1763791210000"),
        alert_id("errors", PAY._replace(operation="refund"), "1763791210000"),
        alert_id("errors", PAY._replace(dimensions="version=2"), "1763791210000"),
        alert_id("errors", PAY, "1763791220000"),
    }
    assert len(others | {one}) == 5


def test_a_state_comes_back_from_its_json() -> None:
    for state in eventful().states:
        assert decode_state(encode_state(state)) == state


def test_a_state_of_a_later_format_is_refused() -> None:
    (state, *_) = eventful().states
    later = encode_state(state).replace(b'"format":2', b'"format":3')
    with pytest.raises(ValueError, match="format 3; this release reads up to 2"):
        decode_state(later)


def test_the_key_of_a_state_is_the_rule_and_the_series() -> None:
    assert state_key("errors", PAY) == '["errors","prod","checkout","pay",""]'
    assert state_key("a", Series('e"', "", "")) != state_key("a", Series("e", "", ""))


@pytest.mark.parametrize(
    ("length_ms", "text"),
    [(0, "0ms"), (250, "250ms"), (1_000, "1s"), (1_500, "1.5s"), (90_000, "90s"), (120_000, "2m"), (7_200_000, "2h")],
)
def test_durations_read_well(length_ms: float, text: str) -> None:
    assert duration_text(length_ms) == text


@pytest.mark.parametrize(
    ("condition", "value", "text"),
    [
        (ErrorRate(), 0.073, "7.3 %"),
        (ErrorRate(), 0.0201, "2.01 %"),
        (SuccessRate(), 1.0, "100 %"),
        (ResponseTime(), 1_234_567, "1.235s"),
        (ResponseTime(), 400, "0.4ms"),
        (SlowOperations(), 3.2, "3.2 per minute"),
        (ErrorsPerSecond(), 0.1, "0.1 per second"),
        (ErrorCount(), 11, "11"),
        (Budget(budget_us=1_000_000), 0.8, "80 %"),
        (BurnRate(objective=0.999, short_window="5m"), 14.4, "14.4x"),
        (Absence(), 120_000, "2m"),
        (ErrorRate(), None, "unknown"),
    ],
)
def test_values_read_well(condition: Condition, value: float | None, text: str) -> None:
    assert value_text(condition, value) == text


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (ErrorCount(), "error count of prod/checkout/pay is 3 over 5m (threshold 1, 1 error)"),
        (
            ErrorsPerSecond(),
            "rate of errors of prod/checkout/pay is 3 per second over 5m (threshold 1 per second, 1 error)",
        ),
        (Throughput(), "throughput of prod/checkout/pay is 3 per second over 5m (threshold 1 per second, 1 call)"),
        (
            Budget(budget_us=250_000, statistic="avg"),
            (
                "average response time of prod/checkout/pay is 300 % of the budget of 250ms over 5m "
                "(threshold 100 %, 1 call)"
            ),
        ),
        (
            BurnRate(objective=0.999, short_window="1m"),
            "burn rate of prod/checkout/pay is 3x over 5m and 1m (threshold 1x, 1 call)",
        ),
        (
            Change(of="error_rate", against="1h"),
            "change of the error rate of prod/checkout/pay is 3x over 5m against 1h (threshold 1x, 1 call)",
        ),
        (
            Change(of="response_time", against="1h", quantile=0.5),
            "change of the p50 response time of prod/checkout/pay is 3x over 5m against 1h (threshold 1x, 1 call)",
        ),
    ],
)
def test_what_a_rule_saw_is_one_sentence(condition: Condition, text: str) -> None:
    rule = Rule(name="a", condition=condition, thresholds=(Threshold("warning", 1),))
    assert summary(rule, PAY, "firing", Reason.BREACH, 3, 1, 1) == text


RULE = Rule(name="a", condition=ErrorRate(), thresholds=(Threshold("warning", 0.02),))


def test_sql_has_exact_bounds_and_the_names_of_the_series() -> None:
    assert events_sql(RULE, PAY, ms(0), ms(60)) == (
        "SELECT * FROM operations WHERE timestamp >= toDateTime64('2025-11-22 06:00:00.000', 3, 'UTC') "
        "AND timestamp < toDateTime64('2025-11-22 06:01:00.000', 3, 'UTC') AND environment = 'prod' "
        "AND service = 'checkout' AND operation = 'pay' AND success = false AND outcome != 'cancelled' "
        "ORDER BY timestamp DESC LIMIT 100"
    )


def test_sql_of_a_roll_up_or_an_overflow_names_only_what_the_events_have() -> None:
    assert "operation =" not in events_sql(RULE, Series("prod", "checkout", ""), 0, 1)
    assert "service =" not in events_sql(RULE, Series("prod", "", ""), 0, 1)
    overflow = events_sql(RULE, Series("prod", "checkout", OVERFLOW), 0, 1)
    assert "service = 'checkout'" in overflow
    assert OVERFLOW not in overflow


def test_instants_keep_every_millisecond() -> None:
    assert instant(1_763_791_200_007) == "toDateTime64('2025-11-22 06:00:00.007', 3, 'UTC')"


RUNS = """
import sys
import chdb
rows = '''WITH operations AS (SELECT * FROM values('timestamp DateTime64(3, ''UTC''), environment String, service String,
operation String, duration_us UInt64, success Bool, outcome String',
('2025-11-22 06:00:00.000', 'prod', 'o''brien\\\\\\\\', 'pay', 1000, false, 'error'),
('2025-11-22 06:00:59.999', 'prod', 'o''brien\\\\\\\\', 'pay', 2000000, true, 'ok'),
('2025-11-22 06:00:30.000', 'prod', 'o''brien\\\\\\\\', 'pay', 5000000, false, 'cancelled'),
('2025-11-22 06:01:00.000', 'prod', 'o''brien\\\\\\\\', 'pay', 3000000, false, 'error'))) '''
for sql in sys.stdin.read().split(chr(0)):
    print(len(str(chdb.query(rows + sql, 'CSV')).splitlines()))
"""


def test_sql_runs_in_clickhouse_and_finds_the_events_behind_the_alert() -> None:
    conditions = (ErrorRate(), SlowOperations(slow_from_us=1_000_000), ResponseTime())
    awkward = Series("prod", "o'brien\\", "pay")
    rules = [Rule(name="a", condition=one, thresholds=RULE.thresholds) for one in conditions]
    queries = "\0".join(events_sql(rule, awkward, ms(0), ms(60)) for rule in rules)
    # A process of its own: chDB keeps one folder per process, which the embedded server's tests need.
    done = subprocess.run([sys.executable, "-c", RUNS], input=queries, text=True, capture_output=True, check=False)
    assert done.stdout.split() == ["1", "2", "3"], done.stderr


def test_a_literal_cannot_be_left() -> None:
    assert quoted("a' OR 1=1 --\\") == "'a\\' OR 1=1 --\\\\'"


def test_the_states_of_a_shard_know_how_many_there_are() -> None:
    with pytest.raises(ValueError, match="no shard 3 of 1"):
        AlertStates(shard=3)
