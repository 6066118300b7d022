"""What a poll returns that outlasts a rebalance is read again: its offsets must not be passed."""

from __future__ import annotations

from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError

from pipeline.lander.loop import Loop
from pipeline.settings import Settings
from tests.contracts.kafka_records import records

KEPT, NEW, LOST = (TopicPartition("events.operations", number) for number in range(3))


class FakeConsumer:
    """Its poll waits for a rebalance to end, as aiokafka's does, and returns what comes after it."""

    def __init__(self) -> None:
        self.loop: Loop | None = None
        self.sought: dict[TopicPartition, int] = {}

    def assignment(self) -> set[TopicPartition]:
        return {KEPT, NEW}

    def paused(self) -> set[TopicPartition]:
        return set()

    async def committed(self, partition: TopicPartition) -> int | None:
        return 7 if partition == KEPT else None

    def seek(self, partition: TopicPartition, offset: int) -> None:
        if partition not in self.assignment():
            raise IllegalStateError(partition)
        self.sought[partition] = offset

    async def seek_to_beginning(self, partition: TopicPartition) -> None:
        self.seek(partition, 0)

    async def getmany(self, **_: Any) -> dict[TopicPartition, Any]:
        assert self.loop is not None
        await self.loop.ownership.on_partitions_revoked({KEPT, LOST})
        await self.loop.ownership.on_partitions_assigned({KEPT, NEW})
        value = [b"{}"]
        return {KEPT: records("t", value, first_offset=7), NEW: records("t", value), LOST: records("t", value)}


async def test_what_was_polled_across_a_rebalance_is_dropped_and_read_again() -> None:
    consumer = FakeConsumer()
    loop = Loop(Settings(), consumer, None, None)  # type: ignore[arg-type]  # nothing is landed here
    consumer.loop = loop
    await loop._fetch()
    assert loop._gathering.length == 0
    assert consumer.sought == {KEPT: 7, NEW: 0}
