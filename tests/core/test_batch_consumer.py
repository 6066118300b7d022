"""What is fetched around a seek or a rebalance is read again, never skipped: Faust's consumer with a fake thread."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiokafka.structs import OffsetAndMetadata
from faust.contrib.asgi import bind_to_running_loop
from faust.types import TP

from pipeline.errors import BlockedError
from pipeline.faust_ext.app import make_app
from pipeline.faust_ext.batch import Batch
from pipeline.faust_ext.consumer import BatchConsumer, refuse_remade_topics
from pipeline.faust_ext.rewind import LOST_MS, Rewinder
from pipeline.settings import Settings

TOPIC = "events.operations"
HERE = TP(TOPIC, 0)


@dataclass(frozen=True)
class Record:
    offset: int
    timestamp: int = 0
    timestamp_type: int = 1


class FakeThread:
    """One partition of 300 records; `around` is run while a fetch is under way, `after_seek` at the end of a seek."""

    def __init__(self) -> None:
        self.position = 0
        self.around: Callable[[], Awaitable[None]] | None = None
        self.after_seek: Callable[[], Awaitable[None]] | None = None

    def assignment(self) -> set[TP]:
        return {HERE}

    def highwater(self, _: TP) -> int:
        return 300

    async def highwaters(self, *tps: TP) -> dict[TP, int]:
        return dict.fromkeys(tps, 300)

    async def earliest_offsets(self, *tps: TP) -> dict[TP, int]:
        return dict.fromkeys(tps, 0)

    async def committed(self, tps: set[TP]) -> dict[TP, None]:
        return dict.fromkeys(tps)

    async def seek_wait(self, offsets: Mapping[TP, int]) -> None:
        self.position = offsets[HERE]
        after, self.after_seek = self.after_seek, None
        if after is not None:
            await after()

    async def getmany(self, _: set[TP], __: float) -> dict[TP, list[Record]]:
        found = [Record(offset) for offset in range(self.position, min(self.position + 50, 300))]
        self.position += len(found)
        around, self.around = self.around, None
        if around is not None:
            await around()
        return {HERE: found} if found else {}


class FakeOwner:
    """Restores to offset 100."""

    def __init__(self) -> None:
        self.restored: list[int] = []

    async def restore(self, committed: Mapping[TP, Any], _: Mapping[TP, int], generation: int) -> Mapping[TP, int]:
        self.restored.append(generation)
        return dict.fromkeys(committed, 100)


@pytest.fixture
async def consumer(tmp_path: Path) -> BatchConsumer:
    owner = FakeOwner()
    app = make_app(Settings(kafka="localhost:1", home=tmp_path), "test", owner=owner, batch_topics={TOPIC: 1})
    bind_to_running_loop(app)
    app.finalize()
    consumer: BatchConsumer = app.consumer
    consumer._thread.thread_loop.close()
    consumer._thread = FakeThread()
    consumer._set_active_tps({HERE})
    consumer._assigned_in = app.rebalancing_count
    app.flow_control.resume()
    return consumer


async def fetch(consumer: BatchConsumer) -> list[tuple[int, int]]:
    """Return (where the batch was fetched from, its first offset) of what one fetch delivers."""
    found: list[Batch] = [message.value async for _, message in consumer.getmany(0.01)]
    return [(batch.fetched_from, batch.records[0].offset) for batch in found]


async def test_what_was_fetched_before_a_rewind_is_not_taken_for_what_comes_after_it(consumer: BatchConsumer) -> None:
    await consumer.perform_seek()
    assert await fetch(consumer) == [(100, 100)]
    consumer._thread.around = lambda: consumer.rewind(HERE, 100)
    assert await fetch(consumer) == [], "offsets from 150 on, which would have passed as if they began at 100"
    assert await fetch(consumer) == [(100, 100)]


async def test_what_was_fetched_while_partitions_were_restored_is_read_again(consumer: BatchConsumer) -> None:
    async def answered_just_after_the_seek() -> None:
        consumer._thread.position = 150
        consumer._dropped.add(HERE)  # as `getmany` does with what it asked for in the generation before

    consumer._thread.after_seek = answered_just_after_the_seek
    await consumer.perform_seek()
    assert await fetch(consumer) == [(100, 100)]


async def test_what_is_read_again_is_not_dropped_for_being_old(consumer: BatchConsumer) -> None:
    await consumer.perform_seek()
    async for tp, message in consumer.getmany(0.01):
        await consumer.rewind(HERE, 100)
        consumer._read_offset[tp] = message.offset + 100  # as Faust notes it after delivery
    async for tp, _ in consumer.getmany(0.01):
        assert consumer._read_offset[tp] is None


async def test_nothing_is_restored_once_another_rebalance_has_begun(consumer: BatchConsumer) -> None:
    consumer.app.on_rebalance_start()
    await consumer.perform_seek()
    assert consumer.owner.restored == []  # type: ignore[attr-defined]
    assert await fetch(consumer) == []
    await consumer.perform_seek()
    consumer._assigned_in = consumer.app.rebalancing_count
    await consumer.perform_seek()
    assert len(consumer.owner.restored) == 1  # type: ignore[attr-defined]


async def test_a_partition_whose_records_are_in_hand_is_not_read_to_its_end(consumer: BatchConsumer) -> None:
    await consumer.perform_seek()
    seen: list[int | None] = []

    async def look() -> None:
        seen.append(consumer.next_fetch(HERE))

    async for _ in consumer.getmany(0.01):
        await look()
    consumer._thread.around = None
    consumer._seeked_generation = None  # nothing more is delivered
    consumer._dropped.add(HERE)
    await look()
    assert seen == [150, None]


async def test_what_was_delivered_and_never_came_is_read_again_though_nothing_follows(consumer: BatchConsumer) -> None:
    await consumer.perform_seek()
    consumer._thread.position = 250
    assert await fetch(consumer) == [(100, 250)], "the last there is; say that its stream skips it"
    rewinder = Rewinder()
    await rewinder.look(consumer.app, {HERE: 100}, 0)
    await rewinder.look(consumer.app, {HERE: 100}, LOST_MS - 1)
    assert await fetch(consumer) == []
    await rewinder.look(consumer.app, {HERE: 100}, LOST_MS)
    assert await fetch(consumer) == [(100, 100)]


async def test_source_partitions_are_not_read_before_their_owner_has_said_where_from(consumer: BatchConsumer) -> None:
    """Stock Faust fetches while tables recover, and its streams skip what comes then."""
    assert await fetch(consumer) == []
    assert consumer._thread.position == 0, "nothing may be asked for"
    await consumer.perform_seek()
    consumer.app.flow_control.suspend()
    assert await fetch(consumer) == []
    consumer.app.flow_control.resume()
    assert await fetch(consumer) == [(100, 100)]


async def test_a_hole_in_the_offsets_is_no_loss_and_nothing_is_read_again(consumer: BatchConsumer) -> None:
    """Transactions and compaction leave holes: what counts is where reading went on."""
    await consumer.perform_seek()
    assert await fetch(consumer) == [(100, 100)]
    consumer._thread.position = 180  # offsets 150 to 179 are markers of transactions
    batches: list[Batch] = [message.value async for _, message in consumer.getmany(0.01)]
    assert [(batch.fetched_from, batch.records[0].offset) for batch in batches] == [(150, 180)]
    assert await Rewinder().fits(consumer.app, batches[0], 150)
    assert consumer._thread.position == 230


async def test_a_batch_that_its_stream_skipped_is_read_again_when_the_next_one_comes(consumer: BatchConsumer) -> None:
    await consumer.perform_seek()
    assert await fetch(consumer) == [(100, 100)], "say that its stream skips it"
    batches: list[Batch] = [message.value async for _, message in consumer.getmany(0.01)]
    assert not await Rewinder().fits(consumer.app, batches[0], 100)
    assert await fetch(consumer) == [(100, 100)]


@pytest.mark.parametrize(("committed", "end"), [(None, 0), (0, 0), (300, 300), (12, 300)])
def test_what_was_committed_up_to_the_end_is_read_on(committed: int | None, end: int) -> None:
    found = None if committed is None else OffsetAndMetadata(committed, "")
    refuse_remade_topics({HERE: found}, {HERE: end})


def test_a_commit_beyond_the_end_tells_a_topic_that_was_made_again() -> None:
    with pytest.raises(BlockedError, match=r"events\.operations-0 ends at offset 299, but offset 300 was committed"):
        refuse_remade_topics({HERE: OffsetAndMetadata(300, "")}, {HERE: 299})
