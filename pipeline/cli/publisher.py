"""Sends lines of events to their topics, in their order, and counts what Kafka has acknowledged."""

from __future__ import annotations

import asyncio
import socket
import uuid
import zlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError

from pipeline.decode.ledger_header import Numbering
from pipeline.decode.line import parse_line
from pipeline.errors import FatalError, RejectedEvent
from pipeline.progress import unreachable
from pipeline.settings import Settings
from pipeline.topics import RECORD_BYTES, topics_of


class Refused(msgspec.Struct, frozen=True):
    """One line that was not sent: its number, counted from 1, and why."""

    line: int
    reason: str


class Publisher:
    """Sends what it is given in its order, each topic's events to one partition, numbered for the loss ledger.

    `sent` counts lines given to the producer by topic, `acknowledged` those that Kafka has taken, both by line;
    `refused` are the lines that are no event, at most `KEEP` of the `refusals` counted.
    """

    KEEP = 1_000

    def __init__(self, settings: Settings, producer: AIOKafkaProducer, name: str) -> None:
        self.sent: Counter[str] = Counter()
        self.acknowledged: Counter[str] = Counter()
        self.refused: list[Refused] = []
        self.refusals = 0
        self.lines = 0
        self._topics = topics_of(settings)
        self._producer = producer
        self._numbering = Numbering(f"publish@{socket.gethostname()}", uuid.uuid4().hex)
        self._partition = zlib.crc32(name.encode()) % settings.partitions
        self._failure: BaseException | None = None

    async def send(self, lines: list[bytes]) -> list[Refused]:
        """Send the next lines; blank ones are passed over. Returns those refused; raises FatalError if Kafka fails."""
        refused = []
        for line in lines:
            self.lines += 1
            if not line.strip():
                continue
            try:
                topic = self._topic_of(line)
            except RejectedEvent as rejection:
                refused.append(Refused(self.lines, rejection.reason))
                continue
            self._raise_failure()
            future = await self._producer.send(
                topic, line, partition=self._partition, headers=self._numbering.headers()
            )
            self.sent[topic] += 1
            future.add_done_callback(lambda done, topic=topic: self._on_done(done, topic))
        self.refusals += len(refused)
        self.refused += refused[: self.KEEP - len(self.refused)]
        return refused

    async def finish(self) -> None:
        """Wait until Kafka has acknowledged everything; raises FatalError that says how far it came."""
        await self._producer.flush()
        await asyncio.sleep(0)  # the callbacks of the last acknowledgements
        self._raise_failure()

    def _topic_of(self, line: bytes) -> str:
        return str(getattr(self._topics, parse_line(line)[0]))

    def _on_done(self, done: asyncio.Future[Any], topic: str) -> None:
        if not done.cancelled() and (error := done.exception()) is not None:
            self._failure = self._failure or error
        elif not done.cancelled():
            self.acknowledged[topic] += 1

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise FatalError(
                f"Kafka did not take an event: {self._failure}. {self.acknowledged.total():,} events were acknowledged "
                f"before, up to about line {self.lines:,}."
            )


@asynccontextmanager
async def publisher(settings: Settings, name: str) -> AsyncIterator[Publisher]:
    """Give a publisher to a running Kafka; `name` (of the file) chooses the partition, the same each time."""
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka,
        acks="all",
        enable_idempotence=True,
        compression_type="lz4",
        linger_ms=5,
        max_batch_size=256 * 1024,
        max_request_size=RECORD_BYTES,
    )
    try:
        await producer.start()
    except KafkaConnectionError:
        raise unreachable(settings) from None
    try:
        await _check_topics(settings, producer)
        yield Publisher(settings, producer, name)
    finally:
        await producer.stop()


async def _check_topics(settings: Settings, producer: AIOKafkaProducer) -> None:
    for topic in topics_of(settings).events():
        try:
            there = await producer.partitions_for(topic)
        except KafkaError:
            there = None
        if not there:
            raise FatalError(f"Kafka at {settings.kafka} has no topic {topic}: `pipeline up` makes the topics.")
