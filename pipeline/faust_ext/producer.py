"""A producer that loses nothing silently: idempotent, and its flush waits until the broker has everything."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

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

    async def flush(self) -> None:
        """Wait until every buffered message has reached the broker.

        Stock Faust gives up after 0.1 s and then commits offsets of input whose state is not durable yet.
        """
        while self.buffer.size:  # noqa: ASYNC110 - the buffer has no event for being empty
            await asyncio.sleep(0.005)
        await super().flush()

    async def deliver(self, records: Iterable[Outgoing]) -> None:
        """Produce all records and return when the broker has acknowledged every one; raises the first failure."""
        producer = self._ensure_producer()
        sent = [
            await producer.send(record.topic, record.value, key=record.key, partition=record.partition)
            for record in records
        ]
        if sent:
            await asyncio.gather(*sent)

    async def partitions_for(self, topic: str) -> set[int]:
        """Return the numbers of a topic's partitions, as the broker says now or a little ago."""
        return set(await self._ensure_producer().partitions_for(topic))
