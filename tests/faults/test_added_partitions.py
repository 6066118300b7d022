"""Partitions that are added around a kill -9: a worker that comes back under its name reads them all the same.

A broker hands a static member that comes back what it had (KIP-345), and asks nobody to assign anew; aiokafka watches
the number of partitions only in a process that has assigned them itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from pipeline.lander.kafka_clients import METADATA_SECONDS
from pipeline.lander.preparing import prepare_history
from pipeline.progress import progress_of
from pipeline.settings import Settings
from pipeline.topic_admin import ensure_topics
from pipeline.topics import topics_of
from tests.faults.process import WorkerProcess, at_work
from tests.faults.verdict_world import environment, fast
from tests.stack.verify_fixture import operation, publish

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(240)]

KILL, ADD = "kill", "add"
ROLES = ("aggregator", "lander")
RESTART_SECONDS = 30


async def add_partition(settings: Settings) -> int:
    """Add one to `events.operations`; return its number."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    await admin.start()
    try:
        await admin.create_partitions({topics_of(settings).operations: NewPartitions(settings.partitions + 1)})
    finally:
        await admin.close()
    return settings.partitions


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def until_read(settings: Settings, partition: int, records: int, seconds: float) -> None:
    """Wait until the groups of all `ROLES` have come so far on a partition of `events.operations`."""
    topic, deadline = topics_of(settings).operations, time.monotonic() + seconds
    async with progress_of(settings) as progress:
        while True:
            found = {
                one.group.rpartition("-")[2]: one.position
                for one in await progress.look()
                if (one.topic, one.partition) == (topic, partition) and one.position >= records
            }
            if found.keys() >= set(ROLES):
                return
            assert time.monotonic() < deadline, f"read of {topic}-{partition}: {found}"
            await asyncio.sleep(0.5)


@pytest.mark.parametrize(
    "order", [(KILL, ADD), (ADD, KILL)], ids=["added after it came back", "added while it was gone"]
)
async def test_partitions_added_around_a_kill_are_read(
    stack_settings: Settings, clickhouse: str, monkeypatch: pytest.MonkeyPatch, order: tuple[str, str]
) -> None:
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    settings = fast(stack_settings, clickhouse)
    await ensure_topics(settings)
    await prepare_history(settings, asyncio.Event())
    topic, kafka = topics_of(settings).operations, settings.kafka or ""
    workers = [WorkerProcess(role, settings, f"{role}-1") for role in ROLES]
    with contextlib.ExitStack() as stack:
        for worker in workers:
            stack.enter_context(worker)
        await at_work(*workers)
        await publish(kafka, [(topic, partition, operation(partition, now_ms())) for partition in range(4)])
        await until_read(settings, 3, 1, 60)
        for worker in workers:
            worker.kill()
        if order == (ADD, KILL):
            added = await add_partition(settings)
        for worker in workers:
            worker.start()
        if order == (KILL, ADD):
            await publish(kafka, [(topic, partition, operation(9 + partition, now_ms())) for partition in range(4)])
            await until_read(settings, 3, 2, 60)
            added = await add_partition(settings)
        await publish(kafka, [(topic, added, operation(99, now_ms()))])
        await until_read(settings, added, 1, METADATA_SECONDS + RESTART_SECONDS)
