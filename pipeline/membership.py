"""A worker's name in its consumer group: Kafka gives a member that comes back under its name what it had before.

It asks nobody to assign anew then (KIP-345), and aiokafka watches how many partitions there are only where it has
assigned them itself. So partitions that were added while a member was away, or later than it came back, would be read
by nobody. Two things prevent it: the numbers of partitions are part of the name, and every member watches them.
"""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.group_coordinator import GroupCoordinator

_JoinComplete = Callable[..., Awaitable[None]]
_known: WeakKeyDictionary[object, dict[str, int]] = WeakKeyDictionary()
"""By a consumer's subscriptions: topic → the partitions that its name says."""


def instance_id(worker_id: str, partitions: Mapping[str, int]) -> str | None:
    """Return the name of a static member that reads these topics; None for a worker without an id, a dynamic member.

    `partitions` has how many partitions each topic has as the worker starts. The topics are part of the name for the
    same reason: after an upgrade a member would get topics that it reads no more, and none of the new ones. Under
    another name it is another member.
    """
    said = ",".join(f"{topic}={partitions[topic]}" for topic in sorted(partitions))
    return f"{worker_id}-{zlib.crc32(said.encode()):08x}" if worker_id else None


def watch_partitions(consumer: AIOKafkaConsumer, partitions: Mapping[str, int]) -> None:
    """Make a consumer that is not started join its group again whenever one of these topics has other partitions.

    Of a leader the broker takes that as a wish to assign anew, also of one that came back as the leader it was; another
    member is told what it has.
    """
    _known[consumer._subscription] = dict(partitions)  # noqa: SLF001 - what consumer and coordinator share
    if not getattr(GroupCoordinator._on_join_complete, "watches", False):  # noqa: SLF001
        GroupCoordinator._on_join_complete = _watching(GroupCoordinator._on_join_complete)  # noqa: SLF001


def _watching(complete: _JoinComplete) -> _JoinComplete:
    async def completed(self: GroupCoordinator, *arguments: Any) -> None:
        await complete(self, *arguments)
        known = _known.get(self._subscription)
        if known is None or self._group_subscription is not None:  # it has assigned itself, and watches
            return
        self._group_subscription = set(known)
        self._metadata_snapshot = self._metadata_snapshot or known  # compared with each answer about the cluster

    completed.watches = True  # type: ignore[attr-defined]  # so that it is wrapped once
    return completed
