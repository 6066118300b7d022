"""What a lander asks about its partitions before it reads them: a fake consumer whose topic grows between the answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from pipeline.errors import BlockedError
from pipeline.lander.rebalance import Ownership

HERE = TopicPartition("events.operations", 1)


@dataclass
class GrowingTopic:
    """The other lander lands everything between any two answers; only `grows` tells whether more is published."""

    end: int
    grows: int

    async def committed(self, partition: TopicPartition) -> int:
        assert partition == HERE
        found, self.end = self.end, self.end + self.grows
        return found

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        found, self.end = self.end, self.end + self.grows
        return dict.fromkeys(partitions, found)


@dataclass
class RemadeTopic:
    async def committed(self, partition: TopicPartition) -> int:
        assert partition == HERE
        return 306

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 65)


async def owner() -> Ownership:
    async def drop() -> None:
        return

    found = Ownership(drop)
    await found.on_partitions_assigned({HERE})
    return found


async def test_a_topic_that_grows_while_it_is_asked_about_was_not_made_again() -> None:
    ownership, consumer = await owner(), cast(AIOKafkaConsumer, GrowingTopic(65, 241))
    assert await ownership.check(consumer)
    assert not ownership.unchecked


async def test_a_topic_that_ends_before_what_has_landed_was_made_again() -> None:
    ownership, consumer = await owner(), cast(AIOKafkaConsumer, RemadeTopic())
    with pytest.raises(BlockedError, match="partition 1 ends at offset 65, but events up to 306 have landed"):
        await ownership.check(consumer)
