"""A worker that is stopped, replaced, and wakes up again: it contradicts nobody, and goes on with what it is given."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import defaultdict

import msgspec
import pytest

from pipeline.settings import Settings
from pipeline.topic_admin import ensure_topics
from pipeline.topics import topics_of
from tests.faults.ledger import panes_account, read_all, wait_until_counted
from tests.faults.process import WorkerProcess
from tests.faults.test_kill_workers import closed_like
from tests.faults.traffic import publish

EVENTS = 40_000
SECONDS = 40.0
AT_WORK_SECONDS = 14
ASLEEP_SECONDS = 15  # past the session's time-out, so that the other takes everything over

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(300)]


async def sleep_and_wake(*workers: WorkerProcess) -> None:
    """Stop workers (SIGSTOP) once they are at work, for long enough to be given up."""
    await asyncio.sleep(AT_WORK_SECONDS)
    for worker in workers:
        os.kill(worker.pid, signal.SIGSTOP)
    await asyncio.sleep(ASLEEP_SECONDS)
    for worker in workers:
        os.kill(worker.pid, signal.SIGCONT)


async def test_workers_that_wake_up_from_the_dead_contradict_nobody(stack_settings: Settings) -> None:
    seed = int(os.environ.get("SEED", random.randrange(10**6)))
    print(f"SEED={seed}")
    await ensure_topics(stack_settings)
    topics, kafka = topics_of(stack_settings), stack_settings.kafka or ""
    with (
        WorkerProcess("aggregator", stack_settings, "aggregator-1") as aggregator,
        WorkerProcess("aggregator", stack_settings, "aggregator-2"),
        WorkerProcess("evaluator", stack_settings, "evaluator-1") as evaluator,
        WorkerProcess("evaluator", stack_settings, "evaluator-2"),
    ):
        waking = asyncio.create_task(sleep_and_wake(aggregator, evaluator))
        account = await publish(kafka, topics.operations, events=EVENTS, seconds=SECONDS, seed=seed)
        await waking
        marks = await wait_until_counted(kafka, topics.panes, EVENTS, 60)
        await closed_like(kafka, topics.closed_panes, account, 90)
    assert (sum(mark.operations for mark in marks.values()), sum(mark.late for mark in marks.values())) == (EVENTS, 0)
    found, complaints = await panes_account(kafka, topics.panes)
    assert complaints == []
    assert found == account
    contents: defaultdict[tuple[str, int], set[bytes]] = defaultdict(set)
    for record in await read_all(kafka, topics.alerts):
        alert = msgspec.json.decode(record.value)
        contents[alert["alert_id"], alert["sequence"]].add(record.value)
    assert {place: len(found) for place, found in contents.items() if len(found) > 1} == {}
