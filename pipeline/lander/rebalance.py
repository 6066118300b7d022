"""What the lander owns: assigned partitions, and a generation that tells records of an earlier assignment apart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from pipeline.epochs import remade_message
from pipeline.errors import BlockedError

_ASK_AGAIN_SECONDS = 1.0

log = logging.getLogger(__name__)


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

    async def check(self, consumer: AIOKafkaConsumer) -> bool:
        """Return whether reading may go on: False while Kafka does not say where each new partition ends.

        Raises BlockedError for a topic that was made again.
        """
        if not self.unchecked:
            return True
        unchecked = set(self.unchecked)
        try:
            await _check_offsets(consumer, unchecked)
        except KafkaError as error:
            log.warning("Kafka does not say where partitions end, asking again: %r", error)
            await asyncio.sleep(_ASK_AGAIN_SECONDS)
            return False
        self.unchecked -= unchecked
        return True


async def _check_offsets(consumer: AIOKafkaConsumer, partitions: set[TopicPartition]) -> None:
    """Raise BlockedError when a committed offset is beyond its topic's end: the topic was deleted and made again.

    Its new events would get the identity of old ones and replace them.
    """
    # What is committed is asked for first. A process can be stopped between the two answers, and an end that is older
    # than a commit would look like a topic that was made again.
    committed = {partition: await consumer.committed(partition) for partition in sorted(partitions)}
    ends = await consumer.end_offsets(list(partitions))
    for partition, landed in committed.items():
        if landed is not None and landed > ends[partition]:
            where = f"topic {partition.topic}, partition {partition.partition}"
            raise BlockedError(
                remade_message(f"{where} ends at offset {ends[partition]}, but events up to {landed} have landed")
            )
