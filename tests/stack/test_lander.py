"""The lander on a real Kafka and ClickHouse: what is published lies in the tables, each once."""

from __future__ import annotations

import asyncio
import base64

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from pipeline.core import records as panes_records
from pipeline.core.series import Series
from pipeline.errors import FatalError
from pipeline.lander.kafka_clients import group_of
from pipeline.lander.service import run_lander
from pipeline.settings import Settings
from pipeline.topic_admin import ensure_topics
from pipeline.topics import topics_of
from schemas import structs
from tests.contracts.history_fixture import History
from tests.contracts.kafka_records import error, operation, sample
from tests.contracts.snapshots import block_of, mark, marks, snapshot
from tests.contracts.told_records import alert, letter, stats
from tests.stack.lander_runs import committed, count, lander, publish, publish_panes, until, until_async

pytestmark = pytest.mark.stack


@pytest.fixture
async def landing(stack_settings: Settings, history: History) -> Settings:
    """Settings of a lander with topics and a history of its own."""
    settings = stack_settings.model_copy(
        update={
            "clickhouse": history.settings.clickhouse,
            "database": history.settings.database,
            "partitions": 2,
            "batch_ms": 50,
        }
    )
    await ensure_topics(settings)
    return settings


async def test_everything_that_is_published_lies_in_its_table(landing: Settings, history: History) -> None:
    topics = topics_of(landing)
    block = block_of({Series("prod", "checkout", "pay"): [1_000, 2_000]})
    await publish(landing, topics.operations, [operation(1), [operation(2), operation(3)], b"not json"])
    await publish(landing, topics.errors, [error(1)])
    await publish(landing, topics.samples, [sample(1)])
    await publish(landing, topics.panes, [panes_records.encode(snapshot(block)), panes_records.encode(marks(mark()))])
    await publish(landing, topics.stats, [structs.encode(stats())])
    await publish(landing, topics.alerts, [structs.encode(alert())])
    await publish(landing, topics.dead, [structs.encode(letter())], partitions=1)
    expected = {
        "operations": 3,
        "errors": 1,
        "samples": 1,
        "slots": 1,
        "source_marks": 1,
        "window_stats": 2,
        "alerts": 1,
        "dead_letters": 1,
    }
    async with lander(landing) as task:
        await until(lambda: {view: count(history, view) for view in expected}, expected, task=task)
    assert history.ask("SELECT event_id, idx FROM {db}.operations ORDER BY 1") == [("e1", 0), ("e2", 0), ("e3", 1)]
    assert sum(await committed(landing, topics.operations)) == 3


async def test_an_open_snapshot_waits_and_lands_at_the_latest_when_the_lander_stops(
    landing: Settings, history: History
) -> None:
    panes = topics_of(landing).panes
    block = block_of({Series("prod", "checkout", "pay"): [1_000]})
    opened = [snapshot(block, version=version, final=False) for version in (1, 3, 2)]
    closed = snapshot(block, version=2, source="events.operations-1")
    async with lander(landing) as task:
        await publish_panes(landing, [*opened, marks(mark()), closed])
        await until(lambda: count(history, "source_marks"), 1, task=task)
        await until(lambda: history.ask("SELECT version, final FROM {db}.slots"), [(2, True)], task=task)
        await until_async(lambda: committed(landing, panes), [1, 0])
    assert history.ask("SELECT version, final FROM {db}.slots ORDER BY source") == [(3, False), (2, True)]
    assert await committed(landing, panes) == [5, 0]


async def test_an_event_of_the_future_is_left_to_the_aggregators_dead_letters(
    landing: Settings, history: History
) -> None:
    far = operation(2, timestamp_ms=4_102_444_800_000)
    await publish(landing, topics_of(landing).operations, [[operation(1), far, operation(3)]])

    async with lander(landing) as task:
        await until(lambda: count(history, "operations"), 2, task=task)
    assert history.ask("SELECT event_id, idx FROM {db}.operations ORDER BY 1") == [("e1", 0), ("e3", 2)]
    assert history.one("SELECT count() FROM {db}.dead_letters") == 0


async def test_a_row_that_clickhouse_refuses_becomes_a_dead_letter_and_its_neighbours_land(
    landing: Settings, history: History
) -> None:
    table = f"{landing.database}.operations_log"
    history.client.command(f"ALTER TABLE {table} ADD CONSTRAINT unlucky CHECK duration_us != 13000000")
    try:
        events = [operation(number, duration_ms=13_000 if number == 137 else number) for number in range(400)]
        await publish(landing, topics_of(landing).operations, [events[:100], *events[100:200], events[200:]])

        async with lander(landing) as task:
            await until(lambda: (count(history, "operations"), count(history, "dead_letters")), (399, 1), task=task)
    finally:
        history.client.command(f"ALTER TABLE {table} DROP CONSTRAINT unlucky")
    ((reason, detail, value),) = history.ask("SELECT reason, detail, value FROM {db}.dead_letters")
    assert reason == "landing"
    assert "unlucky" in detail
    assert '"e137"' in str(value)


async def test_a_record_on_panes_that_cannot_be_read_becomes_a_dead_letter(landing: Settings, history: History) -> None:
    topics = topics_of(landing)
    block = block_of({Series("prod", "checkout", "pay"): [1_000]})
    await publish(landing, topics.panes, [b"\xffnonsense", panes_records.encode(snapshot(block))])

    async with lander(landing) as task:
        await until(lambda: (count(history, "slots"), count(history, "dead_letters")), (1, 1), task=task)
    ((topic, detail, idx),) = history.ask("SELECT topic, detail, idx FROM {db}.dead_letters")
    assert (topic, idx) == (topics.panes, -1)
    assert f"not a record of topic {topics.panes}" in detail


async def test_nonsense_on_the_dead_letters_own_topic_does_not_go_round_for_ever(
    landing: Settings, history: History
) -> None:
    dead = topics_of(landing).dead
    bytes_of_it = structs.encode(letter(value_base64=base64.b64encode(b"x").decode()))
    await publish(landing, dead, [b"nonsense", bytes_of_it], partitions=1)

    async with lander(landing) as task:
        await until(lambda: count(history, "dead_letters"), 1, task=task)
    consumer = AIOKafkaConsumer(bootstrap_servers=landing.kafka)
    await consumer.start()
    ends = await consumer.end_offsets([TopicPartition(dead, 0)])
    await consumer.stop()
    assert list(ends.values()) == [2]


async def test_two_landers_that_come_and_go_land_every_row_once(landing: Settings, history: History) -> None:
    topics = topics_of(landing)
    total = 6_000
    small = landing.model_copy(update={"batch_rows": 200})

    publishing = asyncio.create_task(publish(landing, topics.operations, map(operation, range(total))))
    async with lander(small) as first:
        await until(lambda: count(history, "operations"), lambda rows: rows >= 1_000, task=first)
        async with lander(small) as second:
            await publishing
            await until(lambda: count(history, "operations"), total, task=second)
    assert history.ask("SELECT count(), uniqExact(event_id) FROM {db}.operations") == [(total, total)]
    assert sum(await committed(landing, topics.operations)) == total


async def test_when_every_row_is_refused_it_stops_and_says_why_and_commits_nothing(
    landing: Settings, history: History
) -> None:
    operations = topics_of(landing).operations
    table = f"{landing.database}.operations_log"
    history.client.command(f"ALTER TABLE {table} ADD CONSTRAINT impossible CHECK duration_us > 9e15")
    try:
        await publish(landing, operations, [[operation(number) for number in range(150)]])
        with pytest.raises(FatalError, match=rf"refused 100 rows of {table} .* Nothing was committed"):
            await asyncio.wait_for(run_lander(landing, asyncio.Event()), 120)
    finally:
        history.client.command(f"ALTER TABLE {table} DROP CONSTRAINT impossible")
    assert sum(await committed(landing, operations)) == 0
    assert count(history, "dead_letters") == 0


async def test_a_topic_that_was_made_again_is_refused_with_what_to_do(landing: Settings) -> None:
    partition = TopicPartition(topics_of(landing).operations, 1)
    consumer = AIOKafkaConsumer(bootstrap_servers=landing.kafka, group_id=group_of(landing), enable_auto_commit=False)
    consumer.assign([partition])
    await consumer.start()
    await consumer.commit({partition: OffsetAndMetadata(1_000, "")})
    await consumer.stop()
    with pytest.raises(FatalError, match=r"partition 1 ends at offset 0, but events up to 1000 .* new-epoch"):
        await asyncio.wait_for(run_lander(landing, asyncio.Event()), 60)
