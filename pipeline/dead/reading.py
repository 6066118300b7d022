"""Reads the topic of dead letters: letters, and what became of them, in the order in which they were written."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import replace

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaConnectionError, UnknownTopicOrPartitionError

from pipeline.dead.identity import LetterId, id_of
from pipeline.dead.letters import Found, found_in
from pipeline.dead.wanted import Wanted
from pipeline.errors import FatalError
from pipeline.settings import Settings
from pipeline.topics import RECORD_BYTES, topics_of
from schemas import structs
from schemas.structs import DeadLetter, DeadOutcome

_POLL_MS = 500

log = logging.getLogger(__name__)


@asynccontextmanager
async def dead_reader(settings: Settings) -> AsyncIterator[AIOKafkaConsumer]:
    """Give a consumer without a group that may read any topic; of transactions only those that were committed."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_partition_fetch_bytes=RECORD_BYTES,
        request_timeout_ms=30_000,  # a broker under load may take that long
    )
    try:
        await consumer.start()
    except KafkaConnectionError:
        raise FatalError(
            f"Kafka does not answer at {settings.kafka}. Is it running, and is PIPELINE_KAFKA right?"
        ) from None
    try:
        yield consumer
    finally:
        await consumer.stop()


async def survey(
    settings: Settings, consumer: AIOKafkaConsumer, wanted: Wanted, tell: Callable[[int], None] = lambda _: None
) -> list[Found]:
    """Return the letters that are meant, oldest first, each once, with what became of it.

    Reads the whole topic, and keeps about 500 bytes for each letter that is meant. `tell` hears how many records were
    read so far.
    """
    found: dict[LetterId, Found] = {}
    outcomes: dict[LetterId, DeadOutcome] = {}
    read = 0
    async for at, record in records(settings, consumer):
        if isinstance(record, DeadOutcome):
            outcomes[id_of(record)] = record
        elif wanted.fits(record):
            found.setdefault(id_of(record), found_in(record, at))
        read += 1
        tell(read)
    return [replace(one, outcome=outcomes[name].outcome) if name in outcomes else one for name, one in found.items()]


async def letters_at(
    settings: Settings, consumer: AIOKafkaConsumer, places: Collection[int]
) -> AsyncIterator[tuple[int, DeadLetter]]:
    """Yield the letters at these offsets of the topic, ascending, whole."""
    if not places:
        return
    wanted = frozenset(places)
    async for at, record in records(settings, consumer, min(wanted), max(wanted) + 1):
        if at in wanted and isinstance(record, DeadLetter):
            yield at, record


async def records(
    settings: Settings, consumer: AIOKafkaConsumer, first: int = 0, past: int | None = None
) -> AsyncIterator[tuple[int, DeadLetter | DeadOutcome]]:
    """Yield what stands at offsets ``[first, past)``, by default at all there are; foreign records are passed over."""
    place = await _assigned(settings, consumer)
    begin, end = (await consumer.beginning_offsets([place]))[place], (await consumer.end_offsets([place]))[place]
    first, past = max(first, begin), end if past is None else min(past, end)
    consumer.seek(place, first)
    while await consumer.position(place) < past:
        for found in (await consumer.getmany(place, timeout_ms=_POLL_MS)).values():
            for record in found:
                if record.offset >= past:
                    return
                told = _told(record.value or b"")
                if told is not None:
                    yield record.offset, told


async def _assigned(settings: Settings, consumer: AIOKafkaConsumer) -> TopicPartition:
    place = TopicPartition(topics_of(settings).dead, 0)
    try:
        there = await consumer._client._wait_on_metadata(place.topic)  # noqa: SLF001 - partitions_for_topic does not ask
    except UnknownTopicOrPartitionError:
        there = set()
    if not there:
        raise FatalError(
            f"Kafka at {settings.kafka} has no topic {place.topic}. `pipeline doctor` says what is there; "
            "`pipeline up` makes the topics."
        )
    if consumer.assignment() != {place}:
        consumer.assign([place])
    return place


def _told(value: bytes) -> DeadLetter | DeadOutcome | None:
    try:
        told = structs.decode(value)
    except msgspec.MsgspecError:
        return None
    return told if isinstance(told, DeadLetter | DeadOutcome) else None
