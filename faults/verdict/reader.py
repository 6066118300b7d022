"""Reads every partition of some topics from the beginning on, each record once, through outages of Kafka."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from pipeline.settings import Settings
from pipeline.topics import RECORD_BYTES

log = logging.getLogger(__name__)

_LOOK_SECONDS = 2.0
_FETCH_BYTES = 1024 * 1024


class Reader:
    """A consumer of committed records, in no group. Partitions that are added are read as soon as they are known.

    `later` are topics that need not be there yet.
    """

    def __init__(self, settings: Settings, topics: Sequence[str], later: Sequence[str] = ()) -> None:
        self.next_offset: dict[TopicPartition, int] = {}
        self.read_to: dict[TopicPartition, int] = {}  # the same, past what is no record: the ends of transactions
        self.complaints: list[str] = []
        self._settings = settings
        self._topics = topics
        self._later = later
        self._consumer: AIOKafkaConsumer | None = None
        self._looked = 0.0

    async def read(self, timeout_ms: int) -> dict[TopicPartition, list[Any]]:
        """Return what has come since the last call; nothing while Kafka is away."""
        try:
            consumer = await self._ready()
            found = await consumer.getmany(timeout_ms=timeout_ms)
            self.read_to = {tp: await consumer.position(tp) for tp in consumer.assignment()}
        except KafkaError as error:
            log.warning("reading again: %r", error)
            await self.stop()
            return {}
        return {tp: self._new(tp, records) for tp, records in found.items()}

    async def ends(self) -> dict[TopicPartition, int]:
        """Return the end of what is committed in every partition. Raises KafkaError while Kafka is away."""
        consumer = await self._ready()
        ends: dict[TopicPartition, int] = await consumer.end_offsets(list(consumer.assignment()))
        return ends

    async def stop(self) -> None:
        """Close the connections; `read` opens them again where it was."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with contextlib.suppress(KafkaError):
                await consumer.stop()

    def _new(self, tp: TopicPartition, records: list[Any]) -> list[Any]:
        position = self.next_offset.get(tp, 0)
        if records and records[0].offset < position:
            self.complaints.append(f"{tp.topic}-{tp.partition}: offset {records[0].offset} after {position - 1}")
            records = [record for record in records if record.offset >= position]
        if records:
            self.next_offset[tp] = records[-1].offset + 1
        return records

    async def _ready(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            consumer = AIOKafkaConsumer(
                bootstrap_servers=self._settings.kafka,
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                isolation_level="read_committed",
                max_partition_fetch_bytes=_FETCH_BYTES,
                fetch_max_bytes=RECORD_BYTES * 2,
                metadata_max_age_ms=2_000,
                check_crcs=False,
            )
            await consumer.start()
            self._consumer, self._looked = consumer, 0.0
        if time.monotonic() - self._looked > _LOOK_SECONDS:
            await self._assign(self._consumer)
            self._looked = time.monotonic()
        return self._consumer

    async def _assign(self, consumer: AIOKafkaConsumer) -> None:
        wanted = set()
        for topic in self._topics:
            numbers = consumer.partitions_for_topic(topic)
            if numbers is None:
                numbers = await consumer._client._wait_on_metadata(topic)  # noqa: SLF001 - `subscribe` would join a group
            wanted |= {TopicPartition(topic, number) for number in numbers}
        for topic in self._later:
            consumer._client.add_topic(topic)  # noqa: SLF001
            wanted |= {TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()}
        if wanted != consumer.assignment():
            consumer.assign(sorted(wanted))
            for tp in wanted:
                consumer.seek(tp, self.next_offset.get(tp, 0))
