"""kill -9 the aggregator in mid-stream: every event is counted exactly once all the same."""

from __future__ import annotations

import asyncio
import os
import random

import pytest

from pipeline.settings import Settings
from pipeline.topic_admin import ensure_topics
from pipeline.topics import topics_of
from tests.faults.ledger import panes_account, wait_until_counted
from tests.faults.process import WorkerProcess
from tests.faults.traffic import publish

EVENTS = 200_000
SECONDS = 24.0

pytestmark = [pytest.mark.stack, pytest.mark.slow]


async def kill_three_times(worker: WorkerProcess, seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(3):
        await asyncio.sleep(rng.uniform(4.5, 7.0))
        worker.kill_and_restart()


async def test_three_kills_of_the_aggregator_lose_nothing_and_count_nothing_twice(stack_settings: Settings) -> None:
    settings, seed = stack_settings, int(os.environ.get("SEED", random.randrange(10**6)))
    print(f"SEED={seed}")
    await ensure_topics(settings)
    topics, kafka = topics_of(settings), settings.kafka or ""
    with WorkerProcess("aggregator", settings, "aggregator-1") as worker:
        killing = asyncio.create_task(kill_three_times(worker, seed))
        account = await publish(kafka, topics.operations, events=EVENTS, seconds=SECONDS, seed=seed)
        await killing
        marks = await wait_until_counted(kafka, topics.panes, EVENTS, 60)
    assert sum(mark.late for mark in marks.values()) == 0
    assert sum(mark.operations for mark in marks.values()) == account.total == EVENTS
    found, complaints = await panes_account(kafka, topics.panes)
    assert complaints == []
    assert found == account
