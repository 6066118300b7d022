"""Publishes the demo's traffic through plain aiokafka, and counts exactly what Kafka has acknowledged."""

from __future__ import annotations

import asyncio
import socket
import time
import uuid
from typing import Any

from aiokafka import AIOKafkaProducer

from pipeline.decode.ledger_header import Numbering
from pipeline.demo.traffic import Record, Traffic
from pipeline.settings import Settings
from pipeline.topics import topics_of

_TICK_SECONDS = 0.02
_CATCH_UP_SECONDS = 1.0  # after a pause (a laptop that slept) no more than this is made up for


class DemoProducers:
    """All four services in one producer, whose events are numbered for the loss ledger.

    - `sent`, `acknowledged`: events (elements of arrays, and bad ones, counted each), given to and taken by Kafka
    - `unknown`: events whose fate Kafka did not tell; a reckoning can't be exact with any
    """

    def __init__(self, settings: Settings, per_second: float, seed: int | None = None) -> None:
        self.sent = 0
        self.acknowledged = 0
        self.unknown = 0
        self.elapsed_s = 0.0
        self._per_second = per_second
        self._traffic = Traffic(seed)
        topics = topics_of(settings)
        self._topic_of = {"operation": topics.operations, "error": topics.errors}
        self._bootstrap = settings.kafka
        self._numbering = Numbering(f"demo@{socket.gethostname()}", uuid.uuid4().hex)

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until `stop` is set; returns when the fate of everything sent is known."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap, acks="all", enable_idempotence=True, compression_type="lz4", linger_ms=10
        )
        await producer.start()
        try:
            await self._publish(producer, stop)
        finally:
            await producer.stop()  # sends what waits, and waits for the answers
            await asyncio.sleep(0)

    async def _publish(self, producer: AIOKafkaProducer, stop: asyncio.Event) -> None:
        begin_s = last_s = time.monotonic()
        owed = 0.0
        while not stop.is_set():
            now_s = time.monotonic()
            self.elapsed_s = now_s - begin_s
            owed += min(now_s - last_s, _CATCH_UP_SECONDS) * self._per_second
            last_s = now_s
            while owed > 0:
                owed -= await self._call(producer)
            await asyncio.sleep(_TICK_SECONDS)

    async def _call(self, producer: AIOKafkaProducer) -> int:
        """Publish one call, or one array of calls; return how many events that was."""
        records = self._traffic.call(time.time_ns() // 1_000_000, self.elapsed_s)
        for record in records:
            future = await producer.send(
                self._topic_of[record.kind], record.value, headers=self._numbering.headers(record.events)
            )
            self.sent += record.events
            future.add_done_callback(lambda done, record=record: self._on_done(done, record))
        return sum(record.events for record in records)

    def _on_done(self, done: asyncio.Future[Any], record: Record) -> None:
        if done.cancelled() or done.exception() is not None:
            self.unknown += record.events
        else:
            self.acknowledged += record.events
