"""Landers that come, go, fall asleep and wake up; producers with transactions; topics that grow."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import subprocess
from collections.abc import Iterator

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from pipeline.core import records as panes_records
from pipeline.core.series import Series
from pipeline.lander.kafka_clients import METADATA_SECONDS
from pipeline.settings import Settings
from pipeline.topic_admin import ensure_topics
from pipeline.topics import topics_of
from tests.contracts.history_fixture import History
from tests.contracts.kafka_records import operation
from tests.contracts.snapshots import block_of, snapshot
from tests.stack.lander_runs import committed, count, lander, publish, start_lander, until

pytestmark = [pytest.mark.stack, pytest.mark.slow]

ARRAY = 20
AWAKE_SECONDS = 4.0
ASLEEP_SECONDS = 14.0  # past the session's time-out, so that the other takes everything over


@pytest.fixture
async def landing(stack_settings: Settings, history: History) -> Settings:
    """Settings of landers with small batches, so that much happens between any two of them."""
    own = {"clickhouse": history.settings.clickhouse, "database": history.settings.database}
    settings = stack_settings.model_copy(update=own | {"partitions": 4, "batch_rows": 200, "batch_ms": 50})
    await ensure_topics(settings)
    return settings


@contextlib.contextmanager
def started(settings: Settings, worker_id: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """A lander as a process; it is killed at the end, if it still runs."""
    child = start_lander(settings.model_copy(update={"worker_id": worker_id}))
    try:
        yield child
    finally:
        child.kill()
        child.wait()


async def publish_until(done: asyncio.Event, settings: Settings) -> int:
    """Publish arrays of `ARRAY` events and snapshots of one slot that grow, and return how many events."""
    topics, total = topics_of(settings), 0
    while not done.is_set():
        arrays = [[operation(total + n * ARRAY + place) for place in range(ARRAY)] for n in range(20)]
        total += ARRAY * await publish(settings, topics.operations, arrays)
        block = block_of({Series("prod", "checkout", "pay"): [1_000] * (total // 100)})
        await publish(settings, topics.panes, [panes_records.encode(snapshot(block, version=total))], partitions=1)
        await asyncio.sleep(0.1)
    return total


async def assert_all_landed(settings: Settings, history: History, total: int) -> None:
    await until(lambda: count(history, "operations"), total)
    operations = topics_of(settings).operations
    async with asyncio.timeout(60):
        while sum(await committed(settings, operations)) != total // ARRAY:
            continue  # asking takes long enough
    await until(lambda: history.ask("SELECT max(version) FROM {db}.slots"), [(total,)])
    found = history.ask("SELECT count(), uniqExact(event_id), max(idx) FROM {db}.operations")
    assert found == [(total, total, ARRAY - 1)]
    assert history.ask("SELECT version, calls FROM {db}.slots") == [(total, total // 100)]
    assert count(history, "dead_letters") == 0


async def test_a_lander_that_wakes_up_from_the_dead_writes_nothing_that_counts(
    landing: Settings, history: History
) -> None:
    done = asyncio.Event()
    publishing = asyncio.create_task(publish_until(done, landing))
    with started(landing) as first, started(landing):
        for _ in range(2):
            await asyncio.sleep(AWAKE_SECONDS)
            # It falls asleep with batches read, decoded or on their way, and lands them when it wakes up.
            os.kill(first.pid, signal.SIGSTOP)
            await asyncio.sleep(ASLEEP_SECONDS)
            os.kill(first.pid, signal.SIGCONT)
        await asyncio.sleep(AWAKE_SECONDS)
        done.set()
        await assert_all_landed(landing, history, await publishing)
        assert first.poll() is None, "it goes on with what it is given"


async def test_landers_that_come_and_go_every_few_seconds_get_on_all_the_same(
    landing: Settings, history: History
) -> None:
    seed = int(os.environ.get("SEED", random.randrange(10**6)))
    print(f"SEED={seed}")
    rng, done, operations = random.Random(seed), asyncio.Event(), topics_of(landing).operations
    publishing = asyncio.create_task(publish_until(done, landing))
    async with lander(landing) as task:
        await until(lambda: count(history, "operations"), lambda rows: rows > 0, task=task)
        before = sum(await committed(landing, operations))
        guests = [asyncio.create_task(come_and_go(landing, rng)) for _ in range(2)]
        for guest in guests:
            await guest
        assert sum(await committed(landing, operations)) > before, "nothing was committed while they came and went"
        done.set()
        await assert_all_landed(landing, history, await publishing)


async def come_and_go(settings: Settings, rng: random.Random) -> None:
    """Join the group for a second or two and leave it in order, again and again."""
    for _ in range(4):
        async with lander(settings):
            await asyncio.sleep(rng.uniform(1, 3))


async def test_what_a_transaction_aborts_does_not_land_and_holes_in_the_offsets_are_no_loss(
    landing: Settings, history: History
) -> None:
    operations = topics_of(landing).operations
    producer = AIOKafkaProducer(bootstrap_servers=landing.kafka, transactional_id=f"{landing.namespace}-producer")
    async with lander(landing) as task, producer:
        for turn in range(10):
            await producer.begin_transaction()
            for number in range(turn * 100, turn * 100 + 100):
                value = json.dumps(operation(number)).encode()
                await producer.send(operations, value, partition=number % landing.partitions)
            await (producer.abort_transaction() if turn % 2 else producer.commit_transaction())
        await publish(landing, operations, map(operation, range(1_000, 1_010)))
        await until(lambda: count(history, "operations"), 510, task=task)
        await until_nothing_lags(landing)
    aborted = history.one("SELECT countIf(intDiv(toUInt32(substring(event_id, 2)), 100) % 2 = 1) FROM {db}.operations")
    assert aborted == 0
    assert count(history, "dead_letters") == 0


async def until_nothing_lags(settings: Settings) -> None:
    """The last records are of no transaction, so what is committed comes to the end."""
    async with asyncio.timeout(60):
        while await lag(settings, topics_of(settings).operations):
            continue  # asking takes long enough


async def lag(settings: Settings, topic: str) -> int:
    async with AIOKafkaConsumer(bootstrap_servers=settings.kafka) as consumer:
        ends = await consumer.end_offsets([TopicPartition(topic, n) for n in range(settings.partitions)])
    return int(sum(ends.values())) - sum(await committed(settings, topic))


async def test_partitions_that_are_added_while_a_lander_runs_land_within_the_stated_time(
    landing: Settings, history: History
) -> None:
    operations = topics_of(landing).operations
    await publish(landing, operations, map(operation, range(100)))
    async with lander(landing) as task:
        await until(lambda: count(history, "operations"), 100, task=task)
        await add_partitions(landing, operations, landing.partitions + 2)
        await publish(landing, operations, map(operation, range(100, 400)), partitions=landing.partitions + 2)
        await until(lambda: count(history, "operations"), 400, task=task, seconds=METADATA_SECONDS + 30)
    found = history.ask("SELECT partition, count() FROM {db}.operations GROUP BY partition ORDER BY partition")
    assert [partition for partition, _ in found] == list(range(landing.partitions + 2))


async def add_partitions(settings: Settings, topic: str, partitions: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    await admin.start()
    try:
        await admin.create_partitions({topic: NewPartitions(partitions)})
    finally:
        await admin.close()
