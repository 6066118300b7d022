"""The verdict on a whole run: it passes what the real workers do, and every forgery is noticed by its check."""

from __future__ import annotations

import asyncio
import pickle
import random
from pathlib import Path

import pytest

from faults.verdict.check_breaches import check_breaches
from faults.verdict.check_critical import check_critical
from faults.verdict.check_stats import check_stats
from faults.verdict.expected import expect
from faults.verdict.judge import judge
from faults.verdict.verdict import Verdict
from pipeline.settings import Settings
from tests.faults.verdict_forging import forge_history, forge_topics, forged_run
from tests.faults.verdict_world import World, environment, fast, world

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(400)]

RULES = [Path(__file__).parent / "verdict_rules.yaml"]
FORGED = {
    "log": "1 events acknowledged and not in the log",
    "late": "on time for sure, or no event, and called late",
    "dead": "a dead letter, and it can be used",
    "panes": "events expected",
    "slots": "found nothing",
    "raw": "rows expected",
    "marks": "(operations, errors, late, dead) expected",
    "closed_panes": "two contents",
    "stats": "two contents",
    "window_stats": "ClickHouse None",
    "alerts": "two contents",
    "history_alerts": "not in ClickHouse",
    "unexpected": "exit code 3",
    "ledger": "acknowledged events are lost",
}


async def test_the_verdict_passes_an_honest_run_and_finds_every_forgery(
    stack_settings: Settings, clickhouse: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    seed = random.randrange(10**6)
    print(f"SEED={seed}")
    settings = fast(stack_settings, clickhouse)
    async with world(settings, seed) as made:
        honest = await judge(made.run, made.watch, rules=RULES)
        assert {one.name: one.differences for one in honest.checks if not one.passed} == {}
        await assert_that_it_saw_something(honest)
        await assert_that_offline_forgeries_are_found(made)
        await forge_topics(settings)
        await asyncio.to_thread(forge_history, settings)
        forged = await judge(forged_run(made.run), made.watch, rules=RULES, settle_seconds=15)
    texts = {one.name: " · ".join(one.differences) for one in forged.checks if not one.passed}
    for name, text in FORGED.items():
        assert text in texts.pop(name, "nothing was found")
    assert texts.keys() <= {"commits"}  # the forged mark says that a source has read what is not there
    assert not forged.passed


async def assert_that_it_saw_something(verdict: Verdict) -> None:
    """An honest verdict on nothing would be worth nothing."""
    figures = {one.name: one.figures for one in verdict.checks}
    for check, names in {
        "log": ["events"],
        "late": ["late"],
        "dead": ["letters"],
        "slots": ["events", "error events"],
        "raw": ["operations", "errors", "samples"],
        "stats": ["records"],
        "alerts": ["episodes fired"],
        "critical_errors": ["critical errors"],
        "breaches": ["breaches"],
        "commits": ["commits", "samples"],
    }.items():
        for name in names:
            assert int(figures[check][name] or 0) > 0, f"{check}: {name}"


async def assert_that_offline_forgeries_are_found(made: World) -> None:
    """What can't be forged on a topic without others noticing is forged in a copy of the account."""
    account = pickle.loads(pickle.dumps(await made.watch.account()))
    expected = expect(account)
    assert check_stats(account, expected).passed
    account.stats._counts[0, 1] += 1
    assert "calls expected" in check_stats(account, expected).differences[0]
    for key in [key for key, one in account.alerts.heard.items() if one.alert.rule_type == "critical_error"]:
        del account.alerts.heard[key]
    assert "is in no episode" in check_critical(account).differences[0]
    account.alerts.heard.clear()
    assert "does not fire" in check_breaches(account, RULES).differences[0]
