"""Rules that change while everything runs, on a real Kafka: every evaluator goes by them, also after a restart."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli.main import app
from pipeline.core.records import encode_signal
from pipeline.core.rule_orders import RuleOrder, RuleOrders
from pipeline.evaluator.rule_source import LiveRules
from pipeline.rule_control import change_rules, read_rule_orders
from pipeline.rules_changes import BelowControl, Note, Values, order_for, set_values
from pipeline.rules_file import load_written
from pipeline.settings import Settings
from pipeline.topic_admin import ensure_topics
from pipeline.topics import topics_of
from tests.faults.ledger import read_all
from tests.faults.process import WorkerProcess, at_work, tail
from tests.scenarios.timeline import critical_error
from tests.stack.lander_runs import publish

pytestmark = pytest.mark.stack

FILE = "rules:\n  - {name: errors, type: error_rate, severities: {warning: 2%, critical: 5%}}\n"


@pytest.fixture
async def place(stack_settings: Settings) -> Settings:
    file = stack_settings.home / "rules.yaml"
    file.write_text(FILE)
    settings = stack_settings.model_copy(update={"partitions": 2, "rules": file})
    await ensure_topics(settings)
    return settings


def set_to(settings: Settings, values: Values, by: str = "ann") -> Callable[[RuleOrders], RuleOrder | None]:
    below = BelowControl(load_written(settings.rules, settings.windows), {}, settings.windows)
    note = Note(time.time_ns() // 1_000_000, by, "because")
    return lambda orders: order_for(below, orders, "errors", "set", set_values(values), note)


def critical(rules: LiveRules) -> float:
    return rules.compiled.by_name["errors"].thresholds[-1].value


async def test_a_change_reaches_all_who_follow_and_those_who_start_later(place: Settings) -> None:
    first, second, later = (LiveRules(place, {}) for _ in range(3))
    try:
        await first.start()
        await second.start()
        await change_rules(place, set_to(place, {"severities.critical": "9%"}))
        deadline = time.monotonic() + 10
        while {critical(first), critical(second)} != {0.09}:
            assert time.monotonic() < deadline
            await asyncio.gather(first.refresh(), second.refresh())
            await asyncio.sleep(0.05)
        await later.start()
        assert critical(later) == 0.09
        assert later.compiled.versions == first.compiled.versions
        await change_rules(place, set_to(place, {"severities.critical": "8%"}))
        await second.catch_up()
        assert critical(second) == 0.08, "whoever takes a shard over knows all that was changed before"
    finally:
        for one in (first, second, later):
            await one.stop()


async def test_changes_at_the_same_time_are_made_one_after_the_other_or_refused(place: Settings) -> None:
    values = ["9%", "8%", "7%"]
    made = await asyncio.gather(
        *(change_rules(place, set_to(place, {"severities.critical": value}, by=value)) for value in values),
        return_exceptions=True,
    )
    refused = [str(one) for one in made if not isinstance(one, RuleOrder)]
    assert all("Somebody else changed rules at this moment" in text for text in refused)
    changes = (await read_rule_orders(place)).by_name["errors"].changes
    assert len(changes) == len(values) - len(refused) >= 1
    befores = [one.before["severities.critical"] for one in changes]
    assert befores == ["5%", *(one.by for one in changes)][:-1], "each saw the one before it"


async def test_a_running_evaluator_takes_a_rule_by_command_and_keeps_its_rules_when_the_file_is_wrong(
    place: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("kafka", "namespace", "partitions", "rules", "home"):
        monkeypatch.setenv(f"PIPELINE_{name.upper()}", str(getattr(place, name)))
    assert place.rules is not None
    with WorkerProcess("evaluator", place) as worker:
        await at_work(worker)
        await told("set", "pager", "--key", "type=critical_error", "--by", "ann", "--because", "deploy")
        await said(worker.log, "other rules are in force from the next step on: pager: new")
        topics, signal = topics_of(place), encode_signal(critical_error(0, 1))
        await publish(place, topics.signals, [signal, signal])
        alerts = await until_there(place, topics.alerts)
        assert {(one["rule"], one["state"]) for one in alerts} == {("pager", "firing")}
        place.rules.write_text(FILE + "  - {name: more, type: eror_rate}\n")
        await said(worker.log, r"rules\.yaml:3: type 'eror_rate' is unknown; did you mean error_rate\?")
        assert worker.alive
    place.rules.write_text(FILE)
    listed = {rule["name"]: rule for rule in json.loads(await told("list", "--json"))}
    assert listed["pager"]["from"] == {"name": "control (ann)", "type": "control (ann)"}
    assert listed["errors"]["from"]["severities.critical"] == f"{place.rules}:2"
    (change,) = json.loads(await told("history", "--json"))
    assert (change["rule"], change["by"], change["because"], change["action"]) == ("pager", "ann", "deploy", "set")


async def told(*arguments: str) -> str:
    """Run `pipeline rules …` in a thread, for it has a loop of its own; return what it printed."""
    done = await asyncio.to_thread(CliRunner().invoke, app, ["rules", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


async def said(log: Path, text: str) -> None:
    """Wait until a worker has logged something."""
    deadline = time.monotonic() + 20
    while not re.search(text, tail(log)):
        assert time.monotonic() < deadline, f"{text} is not in\n{tail(log)}"
        await asyncio.sleep(0.1)


async def until_there(settings: Settings, topic: str) -> list[dict[str, object]]:
    """Wait until there is a record on a topic; return all."""
    deadline = time.monotonic() + 20
    while not (found := await read_all(settings.kafka or "", topic)):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)
    return [json.loads(record.value) for record in found]
