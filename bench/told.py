"""What the aggregator has told on `panes`: how many events were counted when. Read after a run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition

from pipeline.core import records
from pipeline.core.records import Mark, Marks


@dataclass(frozen=True, slots=True)
class Told:
    """One record of marks: where it stands, when it was told, and how many events were counted until then."""

    offset: int
    told_ms: int
    events: int
    uncounted: int  # late or refused


async def read_values(
    bootstrap: str, topic: str, partition: int, begin: int = 0
) -> AsyncIterator[tuple[int, int, bytes]]:
    """Yield offset, timestamp and value of each record of a partition from `begin` to its present end."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, max_partition_fetch_bytes=8 * 1024 * 1024
    )
    await consumer.start()
    try:
        place = TopicPartition(topic, partition)
        consumer.assign([place])
        consumer.seek(place, begin)
        end = (await consumer.end_offsets([place]))[place]
        while await consumer.position(place) < end:
            for record in (await consumer.getmany(place, timeout_ms=500)).get(place, []):
                yield record.offset, record.timestamp, record.value or b""
    finally:
        await consumer.stop()


async def told(bootstrap: str, topic: str, begins: Mapping[int, int]) -> dict[int, list[Told]]:
    """Return the marks of every partition of `panes`, from `begins` on, in order."""
    return {number: [one async for one in _told(bootstrap, topic, number, begin)] for number, begin in begins.items()}


async def _told(bootstrap: str, topic: str, partition: int, begin: int) -> AsyncIterator[Told]:
    newest: dict[str, Mark] = {}
    async for offset, _, value in read_values(bootstrap, topic, partition, begin):
        found = records.decode(value)
        if isinstance(found, Marks):
            newest |= {mark.source: mark for mark in found.marks}
            counted = sum(mark.operations for mark in newest.values())
            yield Told(offset, found.told_ms, counted, sum(mark.late + mark.dead for mark in newest.values()))
