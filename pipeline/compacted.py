"""Reading a compacted topic of one partition whole, and what comes after: for what is told to every process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from pipeline.settings import Settings

_POLL_MS = 200

Take = Callable[[str, bytes | None], None]
"""Gets the key and the value of each record; None deletes what the key had."""


class Compacted:
    """Follows a topic without a group, so that every process sees all of it; `take` gets each record in order.

    Before it is started, nothing ever comes.
    """

    def __init__(self, settings: Settings, topic: str, take: Take) -> None:
        self._settings = settings
        self._place = TopicPartition(topic, 0)
        self._take = take
        self._consumer: AIOKafkaConsumer | None = None

    async def start(self) -> None:
        """Read everything that is there."""
        self._consumer = reader(self._settings)
        await self._consumer.start()
        await to_end(self._consumer, self._place, self._take)

    async def poll(self) -> None:
        """Take what came in meanwhile; does not wait."""
        if self._consumer is not None:
            _give(await self._consumer.getmany(self._place, timeout_ms=0), self._take)

    async def catch_up(self) -> None:
        """Take everything up to where the topic ends now."""
        if self._consumer is not None:
            await _read_on(self._consumer, self._place, self._take)

    async def stop(self) -> None:
        """Let go of the connection."""
        if self._consumer is not None:
            await self._consumer.stop()


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
        bootstrap_servers=settings.kafka,
        group_id=None,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )


async def to_end(consumer: AIOKafkaConsumer, place: TopicPartition, take: Take) -> None:
    """Read a partition from its beginning to where it ends now, and leave the consumer there."""
    consumer.assign([place])
    consumer.seek(place, (await consumer.beginning_offsets([place]))[place])
    await _read_on(consumer, place, take)


async def _read_on(consumer: AIOKafkaConsumer, place: TopicPartition, take: Take) -> None:
    end = (await consumer.end_offsets([place]))[place]
    while await consumer.position(place) < end:
        _give(await consumer.getmany(place, timeout_ms=_POLL_MS), take)


def _give(found: Mapping[TopicPartition, Iterable[Any]], take: Take) -> None:
    for records in found.values():
        for record in records:
            take((record.key or b"").decode(errors="replace"), record.value)
