"""Which snapshots the lander drops by their record keys alone, and where its commits go all the same."""

from __future__ import annotations

import random

from pipeline.aggregator.outbox import Outbox
from pipeline.core.pane import PartSnapshot
from pipeline.core.records import decode, encode
from pipeline.core.series import Series
from pipeline.core.snapshot_key import SnapshotKey, read_snapshot_key, snapshot_key
from pipeline.core.source import Closing
from pipeline.lander.batch import Gathering
from pipeline.lander.records import Record
from pipeline.lander.slot_rows import Received, newest
from pipeline.settings import Settings
from tests.contracts.kafka_records import NOW_MS, FakeRecord
from tests.contracts.snapshots import block_of, mark, marks, snapshot

BLOCK = block_of({Series("prod", "checkout", "pay"): [1_000]})


def told(offset: int, version: int, *, final: bool = False, part: int = 0, has_key: bool = True) -> FakeRecord:
    """Return a snapshot's record."""
    one = snapshot(BLOCK, version=version, final=final, part=part)
    return FakeRecord("panes", offset, encode(one), key=snapshot_key(one) if has_key else None)


def gathered(*records: FakeRecord) -> Gathering[str]:
    """Return what gathers of records of one partition."""
    batch: Gathering[str] = Gathering("panes", 1_000, 1_000)
    batch.add({"p0": list(records)}, 0)
    return batch


def kept(batch: Gathering[str]) -> list[Record]:
    """Return which records it would land, in the order in which they came."""
    return sorted((record for one in batch.rest() for record in one.records), key=lambda record: record.offset)


def offsets(batch: Gathering[str]) -> list[int]:
    """Return the offsets of those."""
    return [record.offset for record in kept(batch)]


def test_a_key_says_what_a_snapshot_is_of_and_how_new() -> None:
    one = snapshot(BLOCK, source="it.events.errors-3", version=17, final=False, part=2)
    key = snapshot_key(one)
    assert key == f"1/it.events.errors-3/{NOW_MS}/2/17/open".encode()
    assert read_snapshot_key(key) == SnapshotKey(f"1/it.events.errors-3/{NOW_MS}/2".encode(), 17, final=False)


def test_a_key_of_anything_else_is_read_as_none() -> None:
    for key in (
        None,
        b"",
        b"checkout",
        b"1/a-0/5/0/x/open",
        b"1/a-0/5/0/7/shut",
        b"1/a-0/5/0/-7/open",
        b"0/1/a-0/5/0/7/open",
    ):
        assert read_snapshot_key(key) is None


def test_the_aggregators_snapshots_have_keys_and_its_marks_have_none() -> None:
    outbox = Outbox.of(Settings())
    part = PartSnapshot(0, 1, 5, BLOCK, [])
    (final,) = outbox.final("events.operations-0", [Closing(10_000, [part])])
    content = decode(final.value or b"")
    assert final.key == snapshot_key(content)  # type: ignore[arg-type]  # a snapshot
    assert {told.key for told in outbox.marks("worker", 1, [mark()])} == {None}


def test_of_several_snapshots_of_a_part_the_greatest_version_lands_and_the_commit_passes_all() -> None:
    batch = gathered(told(7, 1), told(8, 3), told(9, 2), told(10, 2, part=1))
    assert batch.length == 2
    assert batch.slow.value_bytes == len(told(8, 3).value or b"") + len(told(10, 2, part=1).value or b"")
    (found,) = batch.rest()
    assert ([record.offset for record in found.records], found.next_offsets) == ([8, 10], {"p0": 11})


def test_of_the_same_version_the_final_one_lands_in_whichever_order_they_come() -> None:
    assert offsets(gathered(told(0, 5), told(1, 5, final=True))) == [1]
    assert offsets(gathered(told(0, 5, final=True), told(1, 5))) == [0]
    assert offsets(gathered(told(0, 5, final=True), told(1, 5, final=True))) == [1]


def test_a_greater_version_after_a_final_one_lands_and_does_not_delay_it() -> None:
    assert offsets(gathered(told(0, 5, final=True), told(1, 6))) == [0, 1]
    assert offsets(gathered(told(0, 6), told(1, 5, final=True))) == [0, 1]
    assert offsets(gathered(told(0, 6), told(1, 5, final=True), told(2, 7, final=True))) == [2]


def test_snapshots_without_a_key_and_marks_all_stay() -> None:
    mark_record = FakeRecord("panes", 3, encode(marks(mark())))
    assert offsets(gathered(told(0, 1, has_key=False), told(1, 2, has_key=False), told(2, 3), mark_record)) == [
        0,
        1,
        2,
        3,
    ]


def test_a_key_on_another_topic_means_nothing() -> None:
    batch = gathered()
    key = told(0, 1).key
    batch.add({"p0": [FakeRecord("events.operations", offset, b"{}", key=key) for offset in range(3)]}, 0)
    assert offsets(batch) == [0, 1, 2]


def test_the_same_part_in_two_partitions_is_two() -> None:
    batch = gathered()
    batch.add({"p0": [told(0, 1)], "p1": [told(0, 2)]}, 0)
    assert batch.length == 2


def test_dropping_by_key_leaves_what_decoding_all_would_choose() -> None:
    chance = random.Random(5)
    for _ in range(200):
        records = [
            told(offset, chance.randrange(6), final=chance.random() < 0.3, part=chance.randrange(2))
            for offset in range(chance.randrange(1, 12))
        ]
        batch = gathered(*records)
        length, left = batch.length, kept(batch)
        assert length == len(left)
        chosen = newest(Received(decode(record.value or b""), record) for record in records)
        found = newest(Received(decode(record.value or b""), record) for record in left)
        assert {one.record.offset for one in found} == {one.record.offset for one in chosen}
