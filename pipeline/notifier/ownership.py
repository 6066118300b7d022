"""Who notifies: of all notifiers in the group one owns every partition, the others stand by.

Groups of alerts go across partitions, so partitions can't be shared.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata

_STARTED = b"%020d" % time.time_ns()
_LEAVE_SECONDS = 5.0
_POLL_MS = 200


class OldestTakesAll(AbstractPartitionAssignor):  # type: ignore[misc]  # aiokafka is untyped
    """Gives every partition to the process that started first, so that one that joins takes nothing over."""

    name = "pipeline-oldest"
    version = 0

    @classmethod
    def assign(
        cls, cluster: object, members: Mapping[str, ConsumerProtocolMemberMetadata]
    ) -> dict[str, ConsumerProtocolMemberAssignment]:
        """Return what each member gets."""
        owner = min(members, key=lambda member: (members[member].user_data, member))
        topics = sorted({topic for member in members.values() for topic in member.subscription})
        everything = [(topic, sorted(_partitions(cluster, topic))) for topic in topics]
        return {
            member: ConsumerProtocolMemberAssignment(cls.version, everything if member == owner else [], b"")
            for member in members
        }

    @classmethod
    def metadata(cls, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
        """Return what the group is told of this member."""
        return ConsumerProtocolMemberMetadata(cls.version, list(topics), _STARTED)

    @classmethod
    def on_assignment(cls, assignment: ConsumerProtocolMemberAssignment) -> None:
        """Remember nothing."""


class Ownership(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """Told by aiokafka about every rebalance, which waits a few seconds until the session has ended."""

    def __init__(self) -> None:
        self._lost = asyncio.Event()
        self._owned = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    async def on_partitions_revoked(self, _: set[TopicPartition]) -> None:
        """Have the session end."""
        self._owned.clear()
        self._lost.set()
        try:
            await asyncio.wait_for(self._idle.wait(), _LEAVE_SECONDS)
        except TimeoutError:
            return  # whatever it still writes is refused: the next owner has taken its name

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Note whether everything is ours."""
        if assigned:
            self._owned.set()

    async def wait(self, consumer: AIOKafkaConsumer, stop: asyncio.Event) -> bool:
        """Return whether this process owns everything now, after a moment if not. Keeps its place in the group."""
        if not self._owned.is_set() and not stop.is_set():
            await consumer.getmany(timeout_ms=_POLL_MS)
        return self._owned.is_set() and not stop.is_set()

    def begin(self) -> asyncio.Event:
        """Note that a session runs, and return what is set when it has to end."""
        self._idle.clear()
        self._lost = asyncio.Event()
        return self._lost

    def end(self) -> None:
        """Note that the session has ended."""
        self._idle.set()


def _partitions(cluster: object, topic: str) -> Iterable[int]:
    found = cluster.partitions_for_topic(topic)  # type: ignore[attr-defined]  # aiokafka is untyped
    return found or ()
