"""An evaluator that was away asks its group before it writes anything; fakes stand for the broker and the clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.structs import OffsetAndMetadata
from faust.types import TP

from pipeline.core import records
from pipeline.core.records import Marks
from pipeline.evaluator.owner import Evaluator
from pipeline.evaluator.speaker import Speaker
from pipeline.faust_ext import lease
from pipeline.faust_ext.batch import Batch
from pipeline.settings import Settings
from pipeline.topics import topics_of

PANES, SIGNALS = TP("panes", 0), TP("signals", 0)
GENERATION = 5


class FakeConsumer:
    """The group's coordinator: takes commits of its generation."""

    def __init__(self) -> None:
        self.generation = GENERATION
        self.offsets: dict[TP, tuple[int, str]] = {}

    async def commit_with_metadata(self, generation: int, offsets: Mapping[TP, tuple[int, str]]) -> bool:
        if generation != self.generation:
            return False
        self.offsets.update(offsets)
        return True

    def next_fetch(self, _: TP) -> None:
        return None

    def at_end(self, *_: Any) -> bool:
        return True


class FakeProducer:
    async def partitions_for(self, _: str) -> set[int]:
        return {0}

    async def deliver(self, outgoing: Any) -> None:
        list(outgoing)


class FakeProducers(FakeProducer):
    async def take(self, fences: Mapping[int, Any]) -> None:
        del fences

    def give_up(self, shards: Any) -> None:
        del shards


class FakeTable:
    def __init__(self) -> None:
        self.data: dict[bytes, bytes] = {}
        self.written: list[Mapping[bytes, bytes | None]] = []

    async def write(self, _: int, items: Mapping[bytes, bytes | None]) -> None:
        self.written.append(items)


async def no_records(*_: Any) -> None:
    """The tables are empty."""


@dataclass(frozen=True)
class Record:
    offset: int
    value: bytes


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    now = [1_000_000]
    monkeypatch.setattr(lease, "wall_ms", lambda: now[0])
    monkeypatch.setattr("pipeline.evaluator.owner.wall_ms", lambda: now[0])
    return now


@pytest.fixture
def evaluator() -> Evaluator:
    settings = Settings(partitions=1)
    evaluator = Evaluator(settings, [])
    evaluator.app = SimpleNamespace(consumer=FakeConsumer(), producer=FakeProducer(), producers=FakeProducers())
    tables: Any = SimpleNamespace(
        closed_panes=FakeTable(),
        long_panes=FakeTable(),
        windows=FakeTable(),
        alerts=FakeTable(),
        alert_states=lambda *_: iter(()),
        fences=lambda _: [],
        load=no_records,
        forget=lambda *_: None,
    )
    evaluator.tables = tables
    evaluator.speaker = Speaker(evaluator.app, topics_of(settings), tables.alerts, tables.windows, evaluator.lease)
    return evaluator


def marks(offset: int) -> Batch:
    return Batch(PANES, GENERATION, offset, [Record(offset, records.encode(Marks("w", 0, [])))])


async def restored(evaluator: Evaluator, found: OffsetAndMetadata | None = None) -> None:
    await evaluator.restore({PANES: found, SIGNALS: None}, {PANES: 3, SIGNALS: 0}, GENERATION)


async def test_shards_are_claimed_before_anything_is_said_about_them(evaluator: Evaluator, now: list[int]) -> None:
    del now
    await restored(evaluator)
    offset, metadata = evaluator.app.consumer.offsets[PANES]
    assert (offset, evaluator.boot_id in metadata) == (3, True)


async def test_shards_that_another_process_claimed_meanwhile_are_not_kept(evaluator: Evaluator, now: list[int]) -> None:
    del now
    await restored(evaluator)
    before = evaluator.shards[0]
    own = OffsetAndMetadata(*evaluator.app.consumer.offsets[PANES])
    await restored(evaluator, own)
    assert evaluator.shards[0] is before
    await restored(evaluator, OffsetAndMetadata(own.offset, own.metadata.replace(evaluator.boot_id, "another")))
    assert evaluator.shards[0] is not before


async def test_a_claim_never_goes_back_behind_a_commit_whose_answer_was_lost(
    evaluator: Evaluator, now: list[int]
) -> None:
    del now
    await restored(evaluator)
    own = OffsetAndMetadata(*evaluator.app.consumer.offsets[PANES])
    taken = {PANES: OffsetAndMetadata(own.offset + 7, own.metadata), SIGNALS: OffsetAndMetadata(2, "")}
    await evaluator.restore(taken, {PANES: 3, SIGNALS: 0}, GENERATION)
    assert evaluator.app.consumer.offsets == {PANES: tuple(taken[PANES]), SIGNALS: (2, "")}


async def test_a_process_that_was_stopped_and_has_lost_its_shards_writes_nothing(
    evaluator: Evaluator, now: list[int]
) -> None:
    await restored(evaluator)
    await evaluator.receive(marks(3))
    assert evaluator.shards[0].position == 4
    evaluator.app.consumer.generation += 1
    now[0] += 15_000
    await evaluator.receive(marks(4))
    await evaluator.tick()
    await evaluator.release()
    assert evaluator.shards[0].position == 4
    assert evaluator._generation == -1


async def test_a_process_that_was_stopped_and_still_has_its_shards_goes_on(
    evaluator: Evaluator, now: list[int]
) -> None:
    await restored(evaluator)
    now[0] += 15_000
    await evaluator.receive(marks(3))
    assert evaluator.shards[0].position == 4
