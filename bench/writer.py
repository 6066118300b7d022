"""Writing events to Kafka by whole batches: the traffic must cost little of the machine that is measured."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaProducer

from bench.events import PARTITIONS, EventMaker

_BATCH_BYTES = 256 * 1024
_CHUNK = 4_000
_TICK_SECONDS = 0.05


@dataclass
class Writer:
    """Writes single-event records to the partitions of one topic in turn. `acked` counts what the broker has."""

    producer: Any
    topic: str
    acked: int = 0
    _next: int = 0
    _waiting: list[asyncio.Future[Any]] = field(default_factory=list)

    async def write(self, values: list[bytes]) -> None:
        """Send values, dealt over the partitions in order; returns when they are on their way."""
        for offset in range(PARTITIONS):
            await self._write_partition((self._next + offset) % PARTITIONS, values[offset::PARTITIONS])
        self._next = (self._next + len(values)) % PARTITIONS

    async def flush(self) -> None:
        """Return when the broker has acknowledged everything."""
        waiting, self._waiting = self._waiting, []
        await asyncio.gather(*waiting)

    async def _write_partition(self, partition: int, values: list[bytes]) -> None:
        batch = self.producer.create_batch()
        for value in values:
            if batch.append(key=None, value=value, timestamp=None) is None:
                await self._send(batch, partition)
                batch = self.producer.create_batch()
                batch.append(key=None, value=value, timestamp=None)
        if batch.record_count():
            await self._send(batch, partition)

    async def _send(self, batch: Any, partition: int) -> None:
        count = batch.record_count()
        future = await self.producer.send_batch(batch, self.topic, partition=partition)
        future.add_done_callback(lambda done: self._count(done, count))
        self._waiting = [one for one in self._waiting if not one.done() or one.exception()]
        self._waiting.append(future)

    def _count(self, done: asyncio.Future[Any], count: int) -> None:
        if not done.cancelled() and done.exception() is None:
            self.acked += count


@asynccontextmanager
async def writer(bootstrap: str, topic: str) -> AsyncIterator[Writer]:
    """Give a writer to one topic; everything is acknowledged when the body ends."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", max_batch_size=_BATCH_BYTES)
    await producer.start()
    made = Writer(producer, topic)
    try:
        yield made
        await made.flush()
    finally:
        await producer.stop()


async def write_span(out: Writer, maker: EventMaker, *, events: int, begin_ms: int, end_ms: int) -> None:
    """Write events as fast as possible, their times evenly from `begin_ms` to `end_ms`."""
    for first in range(0, events, _CHUNK):
        numbers = range(first, min(first + _CHUNK, events))
        await out.write([maker.make(begin_ms + (end_ms - begin_ms) * (number + 1) // events) for number in numbers])
    await out.flush()


@asynccontextmanager
async def live_writing(out: Writer, maker: EventMaker, per_second: float) -> AsyncIterator[None]:
    """Write events of now at a steady rate while the body runs; what was missed in a pause follows at once."""
    stop = asyncio.Event()
    writing = asyncio.create_task(_write_live(out, maker, per_second, stop))
    try:
        yield
    finally:
        stop.set()
        await writing


@asynccontextmanager
async def live_traffic(bootstrap: str, topic: str, maker: EventMaker, per_second: float) -> AsyncIterator[None]:
    """The same with a writer of its own."""
    async with writer(bootstrap, topic) as out, live_writing(out, maker, per_second):
        yield


async def _write_live(out: Writer, maker: EventMaker, per_second: float, stop: asyncio.Event) -> None:
    began, written = time.monotonic(), 0
    while not stop.is_set():
        due = int((time.monotonic() - began) * per_second) - written
        now_ms = time.time_ns() // 1_000_000
        await out.write([maker.make(now_ms) for _ in range(due)])
        written += due
        await asyncio.sleep(_TICK_SECONDS)
