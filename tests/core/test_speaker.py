"""What the evaluator keeps of the latest windows; a dictionary stands for the table, a list for the broker."""

from __future__ import annotations

from collections import UserDict
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.core.records import PART_SERIES
from pipeline.evaluator.keys import seen_key, windows_key
from pipeline.evaluator.speaker import Speaker
from pipeline.faust_ext.producer import Outgoing
from pipeline.faust_ext.table import DurableTable
from pipeline.settings import Settings
from pipeline.topics import topics_of
from schemas.structs import StatsRecord

SHARD = 3


class FakeTable:
    outgoing = DurableTable.outgoing
    apply = DurableTable.apply
    changelog_topic_name = "windows"

    def __init__(self) -> None:
        self.data: UserDict[bytes, bytes] = UserDict()


class FakeProducers:
    def __init__(self) -> None:
        self.log: dict[bytes | None, bytes | None] = {}

    async def deliver(self, records: list[Outgoing]) -> None:
        self.log |= {record.key: record.value for record in records}


def records(series: int) -> list[StatsRecord]:
    return [
        StatsRecord(
            environment="prod", service="s", operation=f"o{number}", step_end_ms=1, status="on_time", windows={}
        )
        for number in range(series)
    ]


@pytest.mark.parametrize("fewer", [0, 1, PART_SERIES, 2 * PART_SERIES + 1])
async def test_parts_of_a_time_with_more_series_are_deleted(fewer: int) -> None:
    table: Any = FakeTable()
    producers, lease = FakeProducers(), SimpleNamespace()
    speaker = Speaker(SimpleNamespace(producers=producers), topics_of(Settings()), table, table, lease)  # type: ignore[arg-type]
    shard: Any = SimpleNamespace(number=SHARD, seen=None, seen_key=seen_key(SHARD), is_long=False)
    for series in (3 * PART_SERIES, fewer):
        shard.latest = (10_000, records(series))
        await speaker.flush([shard])
    left = {windows_key(SHARD, part) for part in range(max(1, -(-fewer // PART_SERIES)))}
    assert set(table.data) == left
    assert {key for key, value in producers.log.items() if value is not None} == left


async def test_stats_of_a_backlog_do_not_wait_for_the_commit_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.evaluator.speaker.MANY", 100)
    table: Any = FakeTable()
    producers, lease = FakeProducers(), SimpleNamespace()
    speaker = Speaker(SimpleNamespace(producers=producers), topics_of(Settings()), table, table, lease)  # type: ignore[arg-type]
    shard: Any = SimpleNamespace(number=SHARD, latest=None, seen=None, seen_key=seen_key(SHARD), is_long=False)
    for _ in range(3):
        speaker.stats(shard, records(60))
        await speaker.flush_if_many(shard)
    assert len(producers.log) == 60, "the first two lots, of the same series"
    assert len(speaker._pending) == 60
