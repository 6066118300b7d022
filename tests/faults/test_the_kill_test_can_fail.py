"""What the kill test would say if commits were not held back to the first event of the open panes."""

from __future__ import annotations

import time

import pytest

from pipeline.settings import Settings
from pipeline.topic_admin import ensure_topics
from pipeline.topics import topics_of
from tests.faults.ledger import panes_account, wait_until_counted
from tests.faults.process import WorkerProcess
from tests.faults.traffic import publish

EVENTS = 20_000

pytestmark = [pytest.mark.stack, pytest.mark.slow]


@pytest.mark.parametrize(
    ("module", "loses"),
    [("pipeline.cli.main", False), ("tests.faults.breakages.not_held_back", True)],
    ids=["ours", "broken"],
)
async def test_a_commit_that_is_not_held_back_loses_events_at_a_kill(
    stack_settings: Settings, module: str, *, loses: bool
) -> None:
    await ensure_topics(stack_settings)
    topics, kafka = topics_of(stack_settings), stack_settings.kafka or ""
    at_ms = time.time_ns() // 1_000_000
    with WorkerProcess("aggregator", stack_settings, "aggregator-1", module) as worker:
        account = await publish(kafka, topics.operations, events=EVENTS, seconds=3, seed=1, at_ms=at_ms)
        await wait_until_counted(kafka, topics.panes, EVENTS, 60)
        worker.kill_and_restart()
        # More events for the same panes, which are still open, make the restarted worker send them again.
        account += await publish(kafka, topics.operations, events=EVENTS, seconds=3, seed=2, at_ms=at_ms)
        await wait_until_counted(kafka, topics.panes, 2 * EVENTS, 60)
    found, _ = await panes_account(kafka, topics.panes)
    assert (found.total < account.total) == loses
    assert (found == account) != loses
