"""The live engine's decisions, and those of a backtest over what of the same events has landed in ClickHouse."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.backtest.engine import WatermarkEngine
from pipeline.backtest.outcome import run_backtest
from pipeline.backtest.planning import Place, plan
from pipeline.backtest.running import Backtest
from pipeline.cli.main import app
from pipeline.core.alert_state import AlertStates
from pipeline.core.alert_transition import Evaluation
from pipeline.core.block import COLUMN, unpack
from pipeline.core.decision_log import DecisionLog
from pipeline.core.rules import Rule
from pipeline.core.series import Series
from pipeline.errors import FatalError
from pipeline.history.expected_slots import Span
from pipeline.history.stored_panes import stored_panes
from pipeline.history.stored_signals import stored_signals
from pipeline.kept_windows import kept_windows
from pipeline.lander.contents import read_contents
from pipeline.rules_file import parse_rules
from pipeline.settings import window_ms
from schemas import structs
from schemas.structs import Alert, AlertDecision
from tests.contracts.history_fixture import History
from tests.contracts.kafka_records import FakeRecord, error, records
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
  - {name: long, type: error_rate, window: 10m, severities: {warning: 3%, critical: 9%}}
  - {name: critical-error, type: critical_error, hold: 1m}
  - {name: silent, type: absence, severities: {warning: 1m, critical: 2m}}
  - {name: partner, type: absence, expect: [default/nobody], severities: {critical: 5m}}
"""


def rules() -> list[Rule]:
    return parse_rules(RULES, "rules.yaml", kept_windows(SETTINGS))


@dataclass
class Landed:
    """What was decided live, and the history that it left."""

    live: Live
    history: History
    place: Place

    async def land(self, some: list[FakeRecord]) -> None:
        for rows in read_contents(some, self.place.settings).rows:
            assert await self.history.land(rows) == []

    async def land_alerts(self) -> None:
        await self.land(records("alerts", [structs.encode(one) for one in self.live.alerts]))

    def backtest(self, from_ms: int, to_ms: int) -> tuple[list[Alert], list[AlertDecision]]:
        run = Backtest(self.place, rules(), plan(self.place, from_ms, to_ms, rules()))
        log = DecisionLog({name: window_ms(name) for name in kept_windows(SETTINGS)})
        alerts, decisions = list[Alert](), list[AlertDecision]()
        for evaluation in run.evaluations(lambda *_: None):
            alerts += [one.alert for one in evaluation.transitions if one.alert is not None]
            decisions += log.told(run.engine.rules, evaluation, _states_of(run.engine, evaluation))
        return alerts, decisions


def _states_of(engine: WatermarkEngine, evaluation: Evaluation) -> AlertStates:
    """Return the states that an evaluation was decided by: those of the long windows, or the others."""
    far = engine.rules.long.by_name.keys() & {one.rule for one in evaluation.decisions}
    return engine.long.states if far and engine.long is not None else engine.states


@pytest.fixture(scope="module")
def live() -> Live:
    found = Live(rules())
    found.run(seed=7)
    return found


@pytest.fixture
def landed(live: Live, history: History) -> Landed:
    settings = SETTINGS.model_copy(update={n: getattr(history.settings, n) for n in ("clickhouse", "database")})
    one = Landed(live, history, Place(history.client, history.settings.database, settings))
    for some in (records("panes", live.panes), live.errors):
        asyncio.run(one.land(some))
    return one


def test_a_backtest_decides_byte_for_byte_what_was_decided_live_on_the_watermark(landed: Landed) -> None:
    to_ms = BEGIN_MS + LASTS_S * 1_000
    alerts, decisions = landed.backtest(BEGIN_MS - 60_000, to_ms)
    live = landed.live
    assert in_bytes(alerts) == in_bytes([one for one in live.alerts if one.step_end_ms <= to_ms])
    assert in_bytes(decisions) == in_bytes([one for one in live.decisions if one.step_end_ms <= to_ms])
    fired = Counter(one.rule for one in alerts if one.state == "firing")
    assert fired.keys() == {one.name for one in rules()}
    assert {one.state for one in alerts} == {"pending", "firing", "recovering", "resolved"}


def test_what_came_before_the_range_is_remembered_and_not_counted(landed: Landed) -> None:
    from_ms, to_ms = BEGIN_MS + 450_000, BEGIN_MS + LASTS_S * 1_000
    planned = plan(landed.place, from_ms, to_ms, rules())
    found = run_backtest(landed.place, rules(), planned, lambda *_: None)
    (ongoing,) = [one for one in found if one.rule == "burn"]
    assert ongoing.fired_ms is not None
    assert ongoing.fired_ms < from_ms
    assert ongoing.notices == 1  # that it is over
    assert {one.rule for one in found if (one.fired_ms or 0) > from_ms} >= {"silent", "critical-error"}


def test_detecting_counts_from_the_first_bad_pane(landed: Landed) -> None:
    planned = plan(landed.place, BEGIN_MS, BEGIN_MS + 10 * 3_600_000, rules())
    assert planned.cut_from_ms == BEGIN_MS + 10 * 3_600_000  # the rest is open yet
    assert BEGIN_MS + LASTS_S * 1_000 < planned.span.to_ms < BEGIN_MS + LASTS_S * 1_000 + 120_000
    # The first of each rule: at the end everything falls silent.
    found = {one.rule: one for one in reversed([*run_backtest(landed.place, rules(), planned, lambda *_: None)])}
    # Events are up to a second early: the first slow ones are in the pane before.
    assert found["slow"].troubled_ms == BEGIN_MS + 350_000
    assert found["slow"].detected_in_ms() == 10_000 + 10_000 + 30_000  # it was seen two panes later, and `for`
    assert found["burn"].troubled_ms == BEGIN_MS + 300_000
    assert found["silent"].troubled_ms == BEGIN_MS + 720_000


def test_panes_are_the_same_however_many_are_read_at_once(landed: Landed) -> None:
    span = Span(BEGIN_MS - 60_000, BEGIN_MS + 200_000, 10_000)
    whole, piecemeal = (
        list(stored_panes(landed.place.client, landed.place.database, span, slots_at_once))
        for slots_at_once in (10**6, 1)
    )
    assert whole == piecemeal
    assert [start_ms for start_ms, _ in whole] == sorted({start_ms for start_ms, _ in whole})
    (newest,) = {one.final for _, snapshots in whole for one in snapshots}
    assert newest


def test_a_repaired_slot_counts_as_it_was_repaired_and_an_emptied_one_not_at_all(landed: Landed) -> None:
    place, span = landed.place, Span(BEGIN_MS + 60_000, BEGIN_MS + 70_000, 10_000)

    def calls() -> Counter[Series]:
        counted = Counter[Series]()
        for _, snapshots in stored_panes(place.client, place.database, span):
            for block in (unpack(one.block) for one in snapshots):
                counted.update(dict(zip(block.series, block.scalars[:, COLUMN["calls"]].tolist(), strict=True)))
        return counted

    before = calls()
    for operation, number in (("pay", 1_000), ("refund", 0)):
        place.client.command(
            f"INSERT INTO {place.database}.slots_log "
            f"SELECT * REPLACE (1 AS repaired, {number} AS events, {number} AS calls) FROM {place.database}.slots_log "
            f"FINAL WHERE {span.holds('pane_start')} AND operation = '{operation}'"
        )
    after, pay, refund = calls(), Series("default", "shop", "pay"), Series("default", "shop", "refund")
    assert before[refund] > 0
    assert refund not in after
    assert after[pay] == 2 * 1_000  # in two sources
    assert {one: number for one, number in after.items() if one != pay} == {
        one: number for one, number in before.items() if one not in (pay, refund)
    }


def test_errors_that_came_out_of_order_are_heard_in_the_order_of_their_partition(landed: Landed) -> None:
    at = BEGIN_MS - 86_400_000
    ages = [(at + 9_000, "first"), (at + 2_000, "late"), (at + 12_000, "last")]
    events = [error(severity="critical", timestamp_ms=at_ms, event_id=name) for at_ms, name in ages]
    asyncio.run(landed.land(records("events.errors", events, first_offset=10_000)))
    span = Span(at, at + 60_000, 10_000)
    found = list(stored_signals(landed.place.client, landed.place.database, span))
    assert [(there_ms - at, one.timestamp_ms - at, one.event_id) for there_ms, one in found] == [
        (9_000, 9_000, "first"),
        (9_000, 2_000, "late"),
        (12_000, 12_000, "last"),
    ]


def test_the_command_tells_rules_timeline_and_what_fired_live(landed: Landed, tmp_path: Path) -> None:
    file, settings = tmp_path / "rules.yaml", landed.place.settings
    file.write_text(RULES)
    asyncio.run(landed.land_alerts())
    environment = {
        "PIPELINE_LONG_WINDOWS": json.dumps(settings.long_windows),
        "PIPELINE_LONG_PANE_SECONDS": str(settings.long_pane_seconds),
        "PIPELINE_CLICKHOUSE": settings.clickhouse or "",
        "PIPELINE_DATABASE": settings.database,
        "PIPELINE_PARTITIONS": "2",
    }
    begin, end = (
        f"{datetime.fromtimestamp(at / 1_000, UTC):%Y-%m-%dT%H:%M}" for at in (BEGIN_MS, BEGIN_MS + 1_200_000)
    )
    asked = ["rules", "backtest", str(file), "--from", begin, "--to", end, "--against-live"]
    told = CliRunner(env=environment).invoke(app, asked, catch_exceptions=False)
    assert told.exit_code == 0, told.output
    assert "rate default/shop/pay" in told.stdout
    assert "█" in told.stdout
    facts = json.loads(CliRunner(env=environment).invoke(app, [*asked, "--json"], catch_exceptions=False).stdout)
    by_rule = {one["rule"]: one for one in facts["rules"]}
    assert by_rule.keys() == {one.name for one in rules()}
    assert all(one["episodes"] == one["fired_live"] for one in facts["rules"])
    assert by_rule["critical-error"]["pages"] == 2
    assert by_rule["critical-error"]["pages_per_week"] == 2 * 7 * 72
    nowhere = [*asked[:4], "2020-01-01", *asked[5:6], "2020-01-02"]
    refused = CliRunner(env=environment).invoke(app, nowhere)
    assert isinstance(refused.exception, FatalError)
    assert "There is no history in 2020-01-01" in str(refused.exception)
    assert "Choose --from and --to in there" in str(refused.exception)
