"""Reads topics without a consumer group: a whole topic, its tail, or what comes in from now on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaConnectionError, UnknownTopicOrPartitionError

from pipeline.errors import FatalError
from pipeline.progress import REQUEST_MS, unreachable
from pipeline.settings import Settings
from pipeline.topics import RECORD_BYTES

_POLL_MS = 500


class Read(NamedTuple):
    """One record as it was read."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None


@asynccontextmanager
async def reader(settings: Settings, *topics: str) -> AsyncIterator[AIOKafkaConsumer]:
    """Give a consumer assigned to every partition of the topics; it belongs to no group and commits nothing.

    Raises FatalError where Kafka cannot be reached or a topic is not there.
    """
    consumer = AIOKafkaConsumer(
        *topics,
        bootstrap_servers=settings.kafka,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=RECORD_BYTES,
        request_timeout_ms=REQUEST_MS,
    )
    try:
        await consumer.start()
    except KafkaConnectionError:
        raise unreachable(settings) from None
    except UnknownTopicOrPartitionError:
        raise FatalError(
            f"Kafka at {settings.kafka} has no topic {' or '.join(topics)}. `pipeline doctor` says what is there; "
            "`pipeline up` makes the topics."
        ) from None
    try:
        yield consumer
    finally:
        await consumer.stop()


async def go_to_end(consumer: AIOKafkaConsumer) -> None:
    """Read on from what comes in from now on.

    Not `seek_to_end`: the answer about the default, the earliest offset, may come after it and win.
    """
    for partition, end in (await consumer.end_offsets(list(consumer.assignment()))).items():
        consumer.seek(partition, end)


async def read_all(settings: Settings, topic: str) -> AsyncIterator[Read]:
    """Yield every record that the topic holds now, in order within each partition; costs the whole topic."""
    async with reader(settings, topic) as consumer:
        begin = await consumer.beginning_offsets(list(consumer.assignment()))
        end = await consumer.end_offsets(list(consumer.assignment()))
        async for read in between(consumer, begin, end):
            yield read


async def read_tail(settings: Settings, topic: str, span_ms: int) -> AsyncIterator[Read]:
    """Yield the records of the topic's last `span_ms`, counted from its newest record; costs only those."""
    async with reader(settings, topic) as consumer:
        end = await consumer.end_offsets(list(consumer.assignment()))
        begin = await consumer.beginning_offsets(list(end))
        newest_ms = await _newest_ms(consumer, begin, end)
        found = await consumer.offsets_for_times(dict.fromkeys(end, max(newest_ms - span_ms, 0)))
        start = {tp: end[tp] if at is None else at.offset for tp, at in found.items()}
        async for read in between(consumer, start, end):
            yield read


async def between(
    consumer: AIOKafkaConsumer, start: dict[TopicPartition, int], end: dict[TopicPartition, int]
) -> AsyncIterator[Read]:
    """Yield the records in ``[start, end)`` of each partition. Holes (compaction, transactions) are passed over."""
    waiting = {tp for tp in end if start[tp] < end[tp]}
    consumer.pause(*(tp for tp in end if tp not in waiting))
    for tp in waiting:
        consumer.seek(tp, start[tp])
    while waiting:
        for tp, records in (await consumer.getmany(timeout_ms=_POLL_MS)).items():
            for record in records:
                if record.offset < end[tp]:
                    yield as_read(record)
        done = {tp for tp in waiting if await consumer.position(tp) >= end[tp]}
        consumer.pause(*done)
        waiting -= done
    consumer.resume(*end)


def as_read(record: Any) -> Read:
    """Return aiokafka's record as ours."""
    return Read(record.topic, record.partition, record.offset, record.timestamp, record.key, record.value)


async def _newest_ms(
    consumer: AIOKafkaConsumer, begin: dict[TopicPartition, int], end: dict[TopicPartition, int]
) -> int:
    """Return the timestamp of the newest record: the last one of each partition tells; -1 for an empty topic."""
    last = {tp: max(offset - 1, begin[tp]) for tp, offset in end.items()}
    return max([read.timestamp_ms async for read in between(consumer, last, end)], default=-1)
