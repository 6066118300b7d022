"""A producer that loses nothing silently: idempotent, and its flush waits until the broker has everything."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaTimeoutError
from faust.transport.drivers import aiokafka as driver

from pipeline.topics import RECORD_BYTES


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One record to be produced. `value` None is a tombstone."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None


class SafeProducer(driver.Producer):  # type: ignore[misc]  # faust is untyped
    """Faust's producer, idempotent, with a flush that really flushes."""

    mundane_level = "debug"  # at which mode tells of starting and stopping

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": True, "max_request_size": RECORD_BYTES}

    def make_producer(self) -> AIOKafkaProducer:
        """Return one more producer of aiokafka's with the same settings; it is not started."""
        return self._new_producer()

    def _new_producer(self) -> AIOKafkaProducer:
        producer = super()._new_producer()
        # Idempotent sends are tried again for ever, but for one case: a batch older than this (by default as long as a
        # request may take) whose partition has no leader at the moment, as when the only broker starts again.
        producer._message_accumulator._batch_ttl = math.inf  # noqa: SLF001
        return producer

    async def flush(self) -> None:
        """Wait until every buffered message has reached the broker.

        Stock Faust gives up after 0.1 s and then commits offsets of input whose state is not durable yet.
        """
        while self.buffer.size:  # noqa: ASYNC110 - the buffer has no event for being empty
            await asyncio.sleep(0.005)
        await super().flush()

    async def deliver(self, records: Iterable[Outgoing]) -> None:
        """Produce all records and return when the broker has acknowledged every one; raises the first failure.

        Waits for a Kafka that is away, however long that takes.
        """
        await deliver(self._ensure_producer(), records)

    async def partitions_for(self, topic: str) -> set[int]:
        """Return the numbers of a topic's partitions, as the broker says now or a little ago."""
        return set(await self._ensure_producer().partitions_for(topic))


async def deliver(producer: AIOKafkaProducer, records: Iterable[Outgoing]) -> None:
    """Produce all records and return when the broker has acknowledged every one; raises the first failure."""
    sent = [await _send(producer, record) for record in records]
    if sent:
        await asyncio.gather(*sent)


async def _send(producer: AIOKafkaProducer, record: Outgoing) -> Any:
    """Hand a record over and return the future of its acknowledgement; waits until there is room for it."""
    while True:
        try:
            return await producer.send(record.topic, record.value, key=record.key, partition=record.partition)
        except KafkaTimeoutError:  # no room for as long as a request may take: the record was not taken
            continue
