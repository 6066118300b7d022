"""The journal: the book on the compacted topic `notifications`, written in transactions together with the offsets.

What was held back goes to `alerts.decisions` in the same transaction: whoever dies has said it, or not decided it.

Each start takes the transactional id over, so that only the newest owner writes: what a process that was away still
wants to write is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import msgspec
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from pipeline.compacted import read_compacted
from pipeline.core.notices.book import Book, Record, decode_record, encode_record
from pipeline.errors import FatalError
from pipeline.settings import Settings
from pipeline.topics import RECORD_BYTES, topics_of
from schemas.structs import Alert, AlertDecision, encode

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
        self._decisions = topics_of(settings).decisions
        self._alerts = topics_of(settings).alerts
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

    async def write(
        self,
        changes: Mapping[str, Record | None],
        offsets: Mapping[TopicPartition, int],
        decisions: Sequence[AlertDecision] = (),
        alerts: Sequence[Alert] = (),
    ) -> None:
        """Write changes, what has been read, what was decided and what was raised, all or nothing; then return."""
        async with self._producer.transaction():
            records = [
                (self._topic, key.encode(), None if record is None else encode_record(record), 0)
                for key, record in changes.items()
            ] + [(self._decisions, one.decision_id.encode(), encode(one), None) for one in decisions]
            records += [(self._alerts, one.series.encode(), encode(one), None) for one in alerts]
            sent = [
                await self._producer.send(topic, value, key=key, partition=partition)
                for topic, key, value, partition in records
            ]
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
