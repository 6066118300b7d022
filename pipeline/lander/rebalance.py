"""What the lander owns: assigned partitions, and a generation that tells records of an earlier assignment apart."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition

from pipeline.errors import FatalError


class Ownership(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """Told by aiokafka about every rebalance.

    `generation` grows whenever partitions are taken away, before anything else can happen. `drop` is awaited then: what
    has not landed is let go, uncommitted, and whoever gets the partition next reads it again.
    """

    def __init__(self, drop: Callable[[], Awaitable[None]]) -> None:
        self.generation = 0
        self.unchecked: set[TopicPartition] = set()
        self._drop = drop

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Let go of everything that has not landed."""
        self.generation += 1
        self.unchecked.clear()
        if revoked:
            await self._drop()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Remember to check where reading goes on."""
        self.unchecked = set(assigned)


async def check_offsets(consumer: AIOKafkaConsumer, partitions: set[TopicPartition], epoch: int) -> None:
    """Raise FatalError when a committed offset is beyond its topic's end: the topic was deleted and made again.

    Its new events would get the identity of old ones and replace them.
    """
    ends = await consumer.end_offsets(list(partitions))
    for partition in sorted(partitions):
        committed = await consumer.committed(partition)
        if committed is not None and committed > ends[partition]:
            raise FatalError(
                f"topic {partition.topic}, partition {partition.partition} ends at offset {ends[partition]}, but "
                f"events up to {committed} have landed: the topic was deleted and made again. Its events would replace "
                f"older ones in ClickHouse. Run `pipeline new-epoch`, which raises the epoch ({epoch} now), and start "
                "again"
            )
