"""Sends made records to Kafka by whole batches, and notes which the broker has acknowledged."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaProducer

from faults.load.maker import Made

PATIENCE_MS = 600_000
"""Longer than any outage: an idempotent producer may not give up a batch, or its sequence has a hole."""
TRANSACTION_LIMIT_MS = 10_000
_BATCH_BYTES = 256 * 1024

Spans = list[tuple[int, int]]
OnAck = Callable[[Spans], None]


def make_producer(bootstrap: str, transactional_id: str | None = None) -> Any:
    """Return an idempotent producer that is not started; with transactions when it has an id for them."""
    return AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        acks="all",
        enable_idempotence=True,
        compression_type="lz4",
        max_batch_size=_BATCH_BYTES,
        max_request_size=4 * _BATCH_BYTES,
        request_timeout_ms=PATIENCE_MS,
        metadata_max_age_ms=5_000,
        transactional_id=transactional_id,
        transaction_timeout_ms=TRANSACTION_LIMIT_MS,
    )


@dataclass
class Sender:
    """Puts records on topics; `on_ack` gets the numbers of each batch that the broker has."""

    producer: Any
    operations: str
    errors: str
    on_ack: OnAck
    _waiting: set[asyncio.Future[Any]] = field(default_factory=set)

    async def send(self, records: list[Made]) -> None:
        """Hand records to the client; waits while batches of before are still on their way to a partition."""
        counts = {topic: len(await self.producer.partitions_for(topic)) for topic in (self.operations, self.errors)}
        places: dict[tuple[str, int], list[Made]] = {}
        for made in records:
            topic = self.errors if made.error else self.operations
            chosen = zlib.crc32(made.key) if made.key else made.number
            places.setdefault((topic, chosen % counts[topic]), []).append(made)
        for (topic, partition), those in places.items():
            await self._send_place(topic, partition, those)

    async def flush(self) -> None:
        """Return when everything was acknowledged; raises what went wrong."""
        while self._waiting:
            await asyncio.gather(*self._waiting)

    async def _send_place(self, topic: str, partition: int, records: list[Made]) -> None:
        batch, spans = self.producer.create_batch(), Spans()
        for made in records:
            if not _append(batch, made):
                await self._send_batch(batch, spans, topic, partition)
                batch, spans = self.producer.create_batch(), Spans()
                assert _append(batch, made), "a record is larger than a batch"
            spans.append((made.first, made.past))
        await self._send_batch(batch, spans, topic, partition)

    async def _send_batch(self, batch: Any, spans: Spans, topic: str, partition: int) -> None:
        batch.close()
        future = await self.producer.send_batch(batch, topic, partition=partition)
        self._waiting.add(future)
        future.add_done_callback(lambda done: self._done(done, spans))

    def _done(self, done: asyncio.Future[Any], spans: Spans) -> None:
        if not done.cancelled() and done.exception() is None:
            self._waiting.discard(done)
            self.on_ack(spans)


def _append(batch: Any, made: Made) -> bool:
    appended = batch.append(key=made.key, value=made.value, timestamp=None, headers=made.headers)
    return appended is not None
