"""What a lander lets go in a rebalance, what it still lands, and what it reads again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError

from pipeline.lander import loop as loop_module
from pipeline.lander.loop import Loop
from pipeline.lander.rows import Refusal, Rows
from pipeline.settings import Settings
from tests.contracts.kafka_records import operation, records

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


class FakeInserter:
    """Lands once it is let."""

    def __init__(self) -> None:
        self.begun, self.let = asyncio.Event(), asyncio.Event()

    async def land(self, _: Rows) -> list[Refusal]:
        self.begun.set()
        await self.let.wait()
        return []


class CommittingConsumer(FakeConsumer):
    """Remembers what was committed."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[dict[TopicPartition, int]] = []

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        self.done.append(offsets)


async def landing_loop(inserter: FakeInserter) -> tuple[Loop, CommittingConsumer]:
    """Return a loop that lands one record, and its consumer."""
    consumer = CommittingConsumer()
    loop = Loop(Settings(batch_rows=1), consumer, None, inserter)  # type: ignore[arg-type]
    loop._gathering.add({KEPT: records("events.operations", [operation()], first_offset=7)}, 0)
    await loop._launch()
    await inserter.begun.wait()
    return loop, consumer


async def test_a_batch_that_is_landing_when_partitions_are_taken_away_is_committed_before_they_are() -> None:
    inserter = FakeInserter()
    loop, consumer = await landing_loop(inserter)
    revoking = asyncio.create_task(loop.ownership.on_partitions_revoked({KEPT}))
    inserter.let.set()
    await revoking
    assert consumer.done == [{KEPT: 8}]


async def test_a_batch_that_takes_too_long_is_let_go_when_partitions_are_taken_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop_module, "LAND_ON_SECONDS", 0.01)
    loop, consumer = await landing_loop(FakeInserter())
    await loop.ownership.on_partitions_revoked({KEPT})
    assert (consumer.done, loop._landing) == ([], None)


async def test_a_rebalance_in_the_middle_of_a_stop_ends_neither_in_an_error() -> None:
    inserter = FakeInserter()
    loop, consumer = await landing_loop(inserter)
    finishing = asyncio.create_task(loop._finish())
    await asyncio.sleep(0)
    await loop.ownership.on_partitions_revoked({KEPT})
    inserter.let.set()
    await finishing
    assert consumer.done == [{KEPT: 8}]


class PausingConsumer(CommittingConsumer):
    """Counts polls, and knows what is paused."""

    def __init__(self) -> None:
        super().__init__()
        self.polls = 0
        self.stopped: set[TopicPartition] = set()

    def paused(self) -> set[TopicPartition]:
        return self.stopped

    def pause(self, *partitions: TopicPartition) -> None:
        self.stopped = self.stopped | set(partitions)

    async def getmany(self, **_: Any) -> dict[TopicPartition, Any]:
        self.polls += 1
        return {}


@pytest.mark.parametrize(("patience_seconds", "polls"), [(60.0, 0), (0.0, 2)])
async def test_a_full_batch_keeps_what_was_fetched_ahead_for_a_while_and_then_polls_with_everything_paused(
    monkeypatch: pytest.MonkeyPatch, patience_seconds: float, polls: int
) -> None:
    monkeypatch.setattr(loop_module, "PATIENCE_SECONDS", patience_seconds)
    consumer = PausingConsumer()
    loop = Loop(Settings(batch_rows=1), consumer, None, None)  # type: ignore[arg-type]  # nothing is landed here
    loop._gathering.add({KEPT: records("events.operations", [operation()])}, 0)
    for _ in range(2):
        await loop._fetch()
    assert (consumer.polls, bool(consumer.stopped)) == (polls, polls > 0)
