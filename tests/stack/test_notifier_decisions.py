"""What the notifier holds back is on `alerts.decisions`, each once, whenever it is killed; and `explain` reads it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

import msgspec
import pytest

from pipeline.cli.explain_query import read_alert
from pipeline.cli.explain_story import alert_story
from pipeline.cli.history import history as opened
from pipeline.core.notices import ordering
from pipeline.core.notices.matching import Matcher
from pipeline.lander.contents import read_contents
from pipeline.notifier.ordering import write_orders
from pipeline.settings import Settings
from pipeline.topics import topics_of
from schemas import structs
from tests.contracts.history_fixture import History
from tests.contracts.kafka_records import NOW_MS, records
from tests.contracts.told_records import alert, decision
from tests.faults.ledger import read_all
from tests.faults.process import WorkerProcess, at_work
from tests.stack.receiver import Receiver
from tests.stack.test_notifier import HOUR_MS, hook, place, tell, until, written

__all__ = ["hook", "place"]

pytestmark = pytest.mark.stack


async def silenced(settings: Settings, count: int) -> Counter[str]:
    """How often the topic says of each alert that it was silenced, once it says so of so many."""
    deadline = time.monotonic() + 60
    while len(found := await _silenced_now(settings)) < count:
        assert time.monotonic() < deadline, f"saw {found}, expected {count} alerts"
        await asyncio.sleep(0.1)
    return found


async def _silenced_now(settings: Settings) -> Counter[str]:
    values = await read_all(settings.kafka or "", topics_of(settings).decisions, "read_committed")
    found = [msgspec.json.decode(one.value, type=structs.AlertDecision) for one in values]
    return Counter(f"{one.alert_id} on {one.channel}" for one in found if one.reason == "SILENCED_BY")


async def test_whenever_it_is_killed_each_decision_is_there_once(place: Settings, hook: Receiver) -> None:
    settings = written(place, hook=hook)
    at_ms = time.time_ns() // 1_000_000
    quiet = ordering.silence(
        "s1", (Matcher("service", ("loud*",)),), (at_ms, at_ms + HOUR_MS), author="ann", comment="", now_ms=at_ms
    )
    await write_orders(settings, [quiet])
    names = [f"loud{number:02}" for number in range(12)]
    with WorkerProcess("notifier", settings, "one") as worker:
        await at_work(worker)
        for number, name in enumerate(names):
            await tell(settings, name, service=name)
            if number in {3, 8}:
                worker.kill_and_restart()
        await tell(settings, "last", service="free")
        await until(hook.told, ["firing last"])
        assert await silenced(settings, len(names)) == {f"{name} on hook": 1 for name in names}


async def test_explain_tells_what_held_an_alert_back_from_what_has_landed(history: History) -> None:
    fields: dict[str, Any] = {"reason": "SILENCED_BY", "channel": "pager", "held_by": "s1", "author": "ann"}
    times = {"held_ms": NOW_MS + 3_000, "until_ms": NOW_MS + HOUR_MS}
    held = decision(alert_id="a1", sequence=1, state="firing", step_end_ms=NOW_MS, **fields, **times)
    for topic, record in (("alerts", alert()), ("alerts.decisions", held)):
        landing = read_contents(records(topic, [structs.encode(record)]), history.settings)
        for rows in landing.rows:
            await history.land(rows)
    with opened(history.settings) as client:
        told = read_alert(client, "a1")
    assert [one.held_ms for one in told] == [None, NOW_MS + 3_000]
    assert alert_story(told)[-1].endswith("by ann (s1).")
    assert "not sent to pager: silenced until" in alert_story(told)[-1]
