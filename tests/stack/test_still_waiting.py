"""How far everything was taken from Kafka: what decides whether a missing number is lost or in flight."""

from __future__ import annotations

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from pipeline.cli.still_waiting import oldest_waiting_ms
from pipeline.lander.kafka_clients import group_of
from pipeline.settings import Settings
from pipeline.topic_admin import ensure_topics
from pipeline.topics import topics_of

pytestmark = pytest.mark.stack


@pytest.fixture
async def settings(stack_settings: Settings) -> Settings:
    settings = stack_settings.model_copy(update={"partitions": 2})
    await ensure_topics(settings)
    return settings


async def publish(settings: Settings, topic: str, partition: int, *, aborted: bool = False) -> int:
    """Publish one record, and return when Kafka took it in."""
    transaction = f"{settings.namespace}-{topic}-{partition}" if aborted else None
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka, acks="all", transactional_id=transaction) as out:
        if aborted:
            await out.begin_transaction()
        taken = await out.send_and_wait(topic, b"{}", partition=partition)
        if aborted:
            await out.abort_transaction()
    return int(taken.timestamp)


async def commit(settings: Settings, group: str, offsets: dict[tuple[str, int], int]) -> None:
    """Commit what a group has taken."""
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka, group_id=group, enable_auto_commit=False)
    taken = {TopicPartition(*place): OffsetAndMetadata(offset, "") for place, offset in offsets.items()}
    consumer.assign(list(taken))
    await consumer.start()
    await consumer.commit(taken)
    await consumer.stop()


async def test_the_oldest_record_that_somebody_has_yet_to_take_decides(settings: Settings) -> None:
    topics = topics_of(settings)
    aggregators = f"{settings.namespace}.pipeline-aggregator"
    assert await oldest_waiting_ms(settings) is None
    first_ms = await publish(settings, topics.operations, 0)
    second_ms = await publish(settings, topics.operations, 0)
    third_ms = await publish(settings, topics.errors, 1)
    letter_ms = await publish(settings, topics.dead, 0)
    assert first_ms < letter_ms
    assert await oldest_waiting_ms(settings) == first_ms

    await commit(settings, group_of(settings), {(topics.operations, 0): 2, (topics.errors, 1): 1})
    assert await oldest_waiting_ms(settings) == first_ms, "the aggregators have taken nothing yet"
    await commit(settings, aggregators, {(topics.operations, 0): 1})
    assert await oldest_waiting_ms(settings) == second_ms
    await commit(settings, aggregators, {(topics.operations, 0): 2})
    assert await oldest_waiting_ms(settings) == third_ms
    await commit(settings, aggregators, {(topics.errors, 1): 1})
    assert await oldest_waiting_ms(settings) == letter_ms, "what is in events.dead has yet to land"
    await commit(settings, group_of(settings), {(topics.dead, 0): 1})
    assert await oldest_waiting_ms(settings) is None


async def test_a_transaction_that_was_aborted_waits_for_nobody(settings: Settings) -> None:
    topics = topics_of(settings)
    await publish(settings, topics.operations, 0, aborted=True)
    assert await oldest_waiting_ms(settings) is None
    after_ms = await publish(settings, topics.operations, 0)
    assert await oldest_waiting_ms(settings) == after_ms
