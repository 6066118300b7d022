"""An aggregator that was away asks its group before it sends anything; fakes stand for the broker and the clock."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.structs import OffsetAndMetadata
from faust.types import TP

from pipeline.aggregator.owner import Aggregator
from pipeline.faust_ext import lease
from pipeline.faust_ext.batch import Batch
from pipeline.faust_ext.producer import Outgoing
from pipeline.settings import Settings
from pipeline.topics import topics_of

SETTINGS = Settings(partitions=1)
HERE = TP(topics_of(SETTINGS).operations, 0)
GENERATION = 5
NOW_MS = 1_763_791_200_000


class Broker:
    """Consumer and producer: takes commits of its generation, and everything that is sent."""

    def __init__(self) -> None:
        self.generation = GENERATION
        self.offsets: dict[TP, tuple[int, str]] = {}
        self.sent: list[Outgoing] = []

    async def commit_with_metadata(self, generation: int, offsets: Mapping[TP, tuple[int, str]]) -> bool:
        if generation != self.generation:
            return False
        self.offsets.update(offsets)
        return True

    async def deliver(self, outgoing: Any) -> None:
        self.sent += outgoing

    def next_fetch(self, _: TP) -> int | None:
        return None

    def at_end(self, *_: Any) -> bool:
        return False


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    now = [NOW_MS]
    monkeypatch.setattr(lease, "wall_ms", lambda: now[0])
    monkeypatch.setattr("pipeline.aggregator.owner.wall_ms", lambda: now[0])
    return now


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
async def aggregator(broker: Broker, now: list[int]) -> Aggregator:
    del now
    aggregator = Aggregator(SETTINGS)
    aggregator.app = SimpleNamespace(consumer=broker, producer=broker)
    await aggregator.restore({HERE: None}, {HERE: 0}, GENERATION)
    return aggregator


async def read(aggregator: Aggregator, offset: int) -> None:
    event = {
        "type": "operation",
        "event_id": "e",
        "timestamp_ms": NOW_MS,
        "service": "shop",
        "operation": "pay",
        "duration_ms": 1,
        "success": True,
    }
    record = SimpleNamespace(offset=offset, timestamp=NOW_MS, key=None, value=json.dumps(event).encode(), headers=())
    await aggregator.receive(Batch(HERE, GENERATION, offset, [record]))


def snapshots(broker: Broker) -> int:
    return sum(one.topic == topics_of(SETTINGS).panes for one in broker.sent)


async def test_one_that_was_stopped_and_has_lost_its_partitions_sends_nothing(
    aggregator: Aggregator, broker: Broker, now: list[int]
) -> None:
    await read(aggregator, 0)
    await aggregator.settle()
    before = snapshots(broker)
    broker.generation += 1
    now[0] += 15_000
    await read(aggregator, 1)
    await aggregator.settle()
    await aggregator.release()
    assert snapshots(broker) == before > 0


async def test_one_that_was_stopped_and_still_has_its_partitions_goes_on(
    aggregator: Aggregator, broker: Broker, now: list[int]
) -> None:
    await aggregator.settle()
    now[0] += 15_000
    await read(aggregator, 0)
    await aggregator.settle()
    assert snapshots(broker)
    assert aggregator.partitions[HERE].progress.position == 1


async def test_nothing_is_sent_before_the_first_answer(aggregator: Aggregator, broker: Broker) -> None:
    broker.generation += 1
    await read(aggregator, 0)
    await aggregator.settle()
    assert (broker.sent, broker.offsets) == ([], {})


async def test_asking_never_goes_back_behind_a_commit_whose_answer_was_lost(
    aggregator: Aggregator, broker: Broker, now: list[int]
) -> None:
    await read(aggregator, 0)
    await aggregator.settle()
    offset, metadata = broker.offsets[HERE]
    taken = OffsetAndMetadata(offset + 7, metadata)
    broker.offsets[HERE] = (taken.offset, taken.metadata)
    await aggregator.restore({HERE: taken}, {HERE: 0}, GENERATION)
    now[0] += 15_000
    assert await aggregator._lease.holds()
    assert broker.offsets[HERE] == (offset + 7, metadata)
