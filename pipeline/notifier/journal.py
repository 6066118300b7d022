"""The journal: the book on the compacted topic `notifications`, written in transactions together with the offsets.

Each start takes the transactional id over, so that only the newest owner writes: what a process that was away still
wants to write is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from pipeline.core.notices.book import Book, Record, decode_record, encode_record
from pipeline.errors import FatalError
from pipeline.settings import Settings
from pipeline.topics import RECORD_BYTES, topics_of

_POLL_MS = 200
_TRANSACTION_MS = 15_000
_TAKEN_OVER = b"taken-over"
"""Key of the record that begins each ownership; it never has a value."""


def group_of(settings: Settings) -> str:
    """Return the notifier's consumer group, with the namespace in front."""
    return f"{settings.namespace}.pipeline-notifier" if settings.namespace else "pipeline-notifier"


class Journal:
    """Writes the book. To be started before the book is read: nothing of an earlier owner comes behind that."""

    def __init__(self, settings: Settings) -> None:
        self._topic = topics_of(settings).notifications
        self._group = group_of(settings)
        self._producer = AIOKafkaProducer(
            bootstrap_servers=settings.kafka,
            transactional_id=self._group,
            transaction_timeout_ms=_TRANSACTION_MS,
            acks="all",
            max_request_size=RECORD_BYTES,
            compression_type="lz4",
        )

    async def start(self) -> None:
        """Take the name over."""
        await self._producer.start()
        async with self._producer.transaction():
            await self._producer.send_and_wait(self._topic, None, key=_TAKEN_OVER, partition=0)

    async def write(self, changes: Mapping[str, Record | None], offsets: Mapping[TopicPartition, int]) -> None:
        """Write changes and what has been read, all or nothing; returns when it is committed."""
        async with self._producer.transaction():
            sent = []
            for key, record in changes.items():
                value = None if record is None else encode_record(record)
                sent.append(await self._producer.send(self._topic, value, key=key.encode(), partition=0))
            await asyncio.gather(*sent)
            if offsets:
                read = {partition: OffsetAndMetadata(offset, "") for partition, offset in offsets.items()}
                await self._producer.send_offsets_to_transaction(read, self._group)

    async def stop(self) -> None:
        """Let go of the connection."""
        await self._producer.stop()


async def read_book(settings: Settings) -> Book:
    """Return the book as it was written down."""
    book = Book()
    topic = topics_of(settings).notifications
    found: dict[str, bytes] = {}
    async for key, value in read_compacted(settings, topic):
        if value is None:
            found.pop(key, None)
        else:
            found[key] = value
    try:
        for value in found.values():
            book.load(decode_record(value))
    except msgspec.DecodeError as error:
        raise FatalError(
            f"the topic {topic} has a record that this release can't read ({error}). A later release wrote it: run "
            "that one"
        ) from error
    book.loaded()
    return book


async def read_compacted(settings: Settings, topic: str) -> AsyncIterator[tuple[str, bytes | None]]:
    """Yield every record of a topic of one partition that is committed now; a later one of a key replaces it."""
    consumer = reader(settings)
    await consumer.start()
    try:
        found: list[tuple[str, bytes | None]] = []
        await to_end(consumer, TopicPartition(topic, 0), lambda key, value: found.append((key, value)))
    finally:
        await consumer.stop()
    for one in found:
        yield one


def reader(settings: Settings) -> AIOKafkaConsumer:
    """Return a consumer without a group that sees only what is committed."""
    return AIOKafkaConsumer(
        bootstrap_servers=settings.kafka, group_id=None, isolation_level="read_committed", enable_auto_commit=False
    )


async def to_end(consumer: AIOKafkaConsumer, place: TopicPartition, take: Callable[[str, bytes | None], None]) -> None:
    """Read a partition from its beginning to where it ends now, and leave the consumer there."""
    consumer.assign([place])
    end = (await consumer.end_offsets([place]))[place]
    consumer.seek(place, (await consumer.beginning_offsets([place]))[place])
    while await consumer.position(place) < end:
        for record in (await consumer.getmany(place, timeout_ms=_POLL_MS)).get(place, []):
            take((record.key or b"").decode(errors="replace"), record.value)
