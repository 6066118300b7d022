"""Workers that come and go share the partitions: each event is counted exactly once all the same."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random

import pytest

from pipeline.settings import Settings
from pipeline.topic_admin import ensure_topics
from pipeline.topics import topics_of
from tests.faults.ledger import panes_account, wait_until_counted
from tests.faults.process import WorkerProcess
from tests.faults.traffic import publish

EVENTS = 60_000
SECONDS = 24.0

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(240)]


async def come_and_go(second: WorkerProcess, rng: random.Random) -> None:
    """Join, be told to leave, join, be killed, join again."""
    second.start()
    await asyncio.sleep(rng.uniform(5, 7))
    await asyncio.to_thread(second.stop)
    second.start()
    await asyncio.sleep(rng.uniform(5, 7))
    second.kill_and_restart()


async def test_workers_that_join_leave_and_die_lose_nothing_and_count_nothing_twice(stack_settings: Settings) -> None:
    seed = int(os.environ.get("SEED", random.randrange(10**6)))
    print(f"SEED={seed}")
    await ensure_topics(stack_settings)
    topics, kafka = topics_of(stack_settings), stack_settings.kafka or ""
    second = WorkerProcess("aggregator", stack_settings, "aggregator-2")
    with WorkerProcess("aggregator", stack_settings, "aggregator-1") as first, contextlib.closing(second):
        coming = asyncio.create_task(come_and_go(second, random.Random(seed)))
        account = await publish(kafka, topics.operations, events=EVENTS, seconds=SECONDS, seed=seed)
        await coming
        marks = await wait_until_counted(kafka, topics.panes, EVENTS, 90)
        assert "kept with their state" in first.log.read_text()
    assert (sum(mark.operations for mark in marks.values()), sum(mark.late for mark in marks.values())) == (EVENTS, 0)
    found, complaints = await panes_account(kafka, topics.panes)
    assert complaints == []
    assert found == account
