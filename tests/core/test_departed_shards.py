"""State of a shard that has left its evaluator is gone, and what comes back is read anew; fakes stand for the broker."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.structs import OffsetAndMetadata
from faust.types import TP

from pipeline.core.alert_state import state_key
from pipeline.core.series import Series, shard_of
from pipeline.evaluator.owner import Evaluator
from pipeline.evaluator.speaker import Speaker
from pipeline.evaluator.takeover import Tables
from pipeline.faust_ext.producer import Outgoing
from pipeline.faust_ext.table import DurableTable
from pipeline.settings import Settings
from pipeline.topics import topics_of

SHARDS = 2
TOPICS = topics_of(Settings())
TABLES = (TOPICS.closed_panes, TOPICS.long_panes, TOPICS.windows, TOPICS.alerts_state)


class FakeTable:
    outgoing = DurableTable.outgoing
    apply = DurableTable.apply
    forget = DurableTable.forget
    fence = DurableTable.fence
    changelog = DurableTable.changelog

    def __init__(self, changelog: str) -> None:
        self.changelog_topic_name = changelog
        self.data = UserDict[bytes, bytes]()


class FakeBroker:
    """Consumer, producers and changelogs of one app. `log` has what was asked of it, in order."""

    def __init__(self) -> None:
        self.log: list[tuple[str, frozenset[int]]] = []
        self.changelogs: dict[TP, dict[bytes, bytes]] = {}
        self.committed: dict[TP, OffsetAndMetadata] = {}

    async def commit_with_metadata(self, _: int, offsets: Mapping[TP, tuple[int, str]]) -> bool:
        self.committed |= {tp: OffsetAndMetadata(*value) for tp, value in offsets.items()}
        return True

    async def partitions_for(self, _: str) -> set[int]:
        return set()

    async def take(self, fences: Mapping[int, list[Outgoing]]) -> None:
        assert all(record.value is None for records in fences.values() for record in records)
        self.log.append(("shut others out", frozenset(fences)))

    def give_up(self, shards: Iterable[int]) -> None:
        self.log.append(("give up", frozenset(shards)))

    async def deliver(self, records: Iterable[Outgoing]) -> None:
        assert not list(records)

    async def read_changelogs(self, tps: Iterable[TP]) -> dict[TP, dict[bytes, bytes]]:
        wanted = list(tps)
        self.log.append(("read", frozenset(tp.partition for tp in wanted)))
        return {tp: self.changelogs.get(tp, {}) for tp in wanted}


@pytest.fixture
def broker() -> FakeBroker:
    return FakeBroker()


@pytest.fixture
def evaluator(broker: FakeBroker) -> Evaluator:
    evaluator = Evaluator(Settings(partitions=SHARDS), [])
    evaluator.app = app = SimpleNamespace(
        consumer=broker, producer=broker, producers=broker, read_changelogs=broker.read_changelogs
    )
    tables: Any = Tables(*(FakeTable(name) for name in TABLES))  # type: ignore[arg-type]
    evaluator.tables = tables
    evaluator.speaker = Speaker(app, TOPICS, tables.alerts, tables.windows, evaluator.lease)
    return evaluator


async def restore(evaluator: Evaluator, broker: FakeBroker, *shards: int) -> None:
    tps = [TP(topic, shard) for shard in shards for topic in (TOPICS.panes, TOPICS.signals)]
    broker.log.clear()
    await evaluator.restore({tp: broker.committed.get(tp) for tp in tps}, dict.fromkeys(tps, 0), len(broker.committed))


def series_of(shard: int) -> Series:
    return next(found for n in range(99) if shard_of(found := Series("prod", "s", f"o{n}"), SHARDS) == shard)


async def test_the_tables_of_a_shard_that_left_are_forgotten(evaluator: Evaluator, broker: FakeBroker) -> None:
    await restore(evaluator, broker, 0, 1)
    for shard in range(SHARDS):
        evaluator.tables.closed_panes.apply({b"%d/10000/0" % shard: b"pane"})
        evaluator.tables.windows.apply({b"%d/0" % shard: b"windows"})
        evaluator.tables.alerts.apply({state_key("rule", series_of(shard)).encode(): b"state"})
    await restore(evaluator, broker, 1)
    assert set(evaluator.shards) == {1}
    assert set(evaluator.tables.closed_panes.data) == {b"1/10000/0"}
    assert set(evaluator.tables.windows.data) == {b"1/0"}
    assert set(evaluator.tables.alerts.data) == {state_key("rule", series_of(1)).encode()}
    assert ("give up", frozenset({0})) in broker.log


async def test_a_shard_that_comes_back_is_read_anew_after_others_were_shut_out(
    evaluator: Evaluator, broker: FakeBroker
) -> None:
    await restore(evaluator, broker, 0, 1)
    kept = evaluator.shards[1]
    await restore(evaluator, broker, 1)
    broker.changelogs[TP(TOPICS.windows, 0)] = {b"0/0": b"of another"}
    await restore(evaluator, broker, 0, 1)
    assert evaluator.shards[1] is kept
    assert evaluator.tables.windows.data == {b"0/0": b"of another"}
    assert broker.log[-2:] == [("shut others out", frozenset({0, 1})), ("read", frozenset({0}))]


async def test_a_takeover_that_a_rebalance_cuts_short_leaves_nothing_behind(
    evaluator: Evaluator, broker: FakeBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cut_short(*_: Any) -> None:
        raise RuntimeError("the next rebalance")

    await restore(evaluator, broker, 1)
    broker.changelogs[TP(TOPICS.windows, 0)] = {b"0/0": b"earlier"}
    with monkeypatch.context() as patched:
        patched.setattr(evaluator, "_take_over", cut_short)
        with pytest.raises(RuntimeError, match="the next rebalance"):
            await restore(evaluator, broker, 0, 1)
    assert evaluator._generation == -1, "nothing may be written before the next takeover is complete"
    broker.changelogs[TP(TOPICS.windows, 0)] = {b"0/1": b"later"}
    await restore(evaluator, broker, 0, 1)
    assert evaluator.tables.windows.data == {b"0/1": b"later"}
