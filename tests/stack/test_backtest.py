"""The live engine's decisions, and those of a backtest over what of the same events has landed in ClickHouse."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass

import pytest

from pipeline.backtest.planning import Place, plan
from pipeline.backtest.running import Backtest
from pipeline.core.decision_log import DecisionLog
from pipeline.core.rules import Rule
from pipeline.lander.contents import read_contents
from pipeline.rules_file import parse_rules
from pipeline.settings import window_ms
from schemas.structs import Alert, AlertDecision
from tests.contracts.history_fixture import History
from tests.contracts.kafka_records import records
from tests.stack.backtest_live import BEGIN_MS, LASTS_S, SETTINGS, Live, in_bytes

pytestmark = pytest.mark.stack

RULES = """
rules:
  - {name: rate, type: error_rate, window: 1m, severities: {warning: 2%, critical: 30%}}
  - {name: sure, type: error_rate, window: 5m, no_data: alert, confidence: 0.95, severities: {warning: 5%}}
  - {name: success, type: success_rate, group_by: service, severities: {warning: 95%}}
  - {name: slow, type: response_time, window: 1m, severities: {warning: 1s, critical: 2s}, for: 30s}
  - {name: many-slow, type: slow_operations, severities: {warning: 10}, recovery: 5}
  - {name: errors, type: error_count, group_by: service, window: 5m, severities: {warning: 3}}
  - {name: burn, type: burn_rate, group_by: overall, objective: 99%, window: 5m, short_window: 1m,
     severities: {critical: 2}}
  - {name: worse, type: change, of: error_rate, window: 1m, severities: {warning: 2}}
  - {name: fewer, type: throughput, window: 1m, severities: {warning: 0.5/s}}
  - {name: critical-error, type: critical_error, hold: 1m}
  - {name: silent, type: absence, severities: {warning: 1m, critical: 2m}}
  - {name: partner, type: absence, expect: [prod/nobody], severities: {critical: 5m}}
"""


def rules() -> list[Rule]:
    return parse_rules(RULES, "rules.yaml", SETTINGS.windows)


@dataclass
class Landed:
    """What was decided live, and the history that it left."""

    live: Live
    place: Place

    def backtest(self, from_ms: int, to_ms: int) -> tuple[list[Alert], list[AlertDecision]]:
        run = Backtest(self.place, rules(), plan(self.place, from_ms, to_ms, rules()))
        log = DecisionLog({name: window_ms(name) for name in SETTINGS.windows})
        alerts, decisions = list[Alert](), list[AlertDecision]()
        for evaluation in run.evaluations(lambda *_: None):
            alerts += [one.alert for one in evaluation.transitions if one.alert is not None]
            decisions += log.told(run.engine.rules, evaluation, run.engine.states)
        return alerts, decisions


@pytest.fixture
def landed(history: History) -> Landed:
    live = Live(rules())
    live.run(seed=7)
    settings = SETTINGS.model_copy(update={n: getattr(history.settings, n) for n in ("clickhouse", "database")})
    for some in (records("panes", live.panes), live.errors):
        for rows in read_contents(some, settings).rows:
            assert asyncio.run(history.land(rows)) == []
    return Landed(live, Place(history.client, history.settings.database, settings))


def test_a_backtest_decides_byte_for_byte_what_was_decided_live_on_the_watermark(landed: Landed) -> None:
    to_ms = BEGIN_MS + LASTS_S * 1_000
    alerts, decisions = landed.backtest(BEGIN_MS - 60_000, to_ms)
    live = landed.live
    assert in_bytes(alerts) == in_bytes([one for one in live.alerts if one.step_end_ms <= to_ms])
    assert in_bytes(decisions) == in_bytes([one for one in live.decisions if one.step_end_ms <= to_ms])
    fired = Counter(one.rule for one in alerts if one.state == "firing")
    assert fired.keys() == {one.name for one in rules()}
    assert {one.state for one in alerts} == {"pending", "firing", "recovering", "resolved"}
