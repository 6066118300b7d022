"""What gathers, when it is taken as a batch, and which offsets may be committed once that has landed."""

from __future__ import annotations

import random

import pytest

from pipeline.core.records import encode
from pipeline.core.series import Series
from pipeline.core.snapshot_key import snapshot_key
from pipeline.lander.batch import MAX_BYTES, OPEN_MS, POLL_RECORDS, Batch, Gathering
from tests.contracts.kafka_records import FakeRecord, records
from tests.contracts.snapshots import block_of, mark, marks, snapshot

BLOCK = block_of({Series("prod", "checkout", "pay"): [1_000]})
MARKS = encode(marks(mark()))


def gathering(max_records: int = 1_000, wait_ms: int = 1_000) -> Gathering[str]:
    """Return what takes in records of partitions with plain names."""
    return Gathering("panes", max_records, wait_ms)


def told(offset: int, version: int, *, final: bool = False, part: int = 0) -> FakeRecord:
    """Return a snapshot's record."""
    one = snapshot(BLOCK, version=version, final=final, part=part)
    return FakeRecord("panes", offset, encode(one), key=snapshot_key(one))


def mark_at(offset: int) -> FakeRecord:
    """Return a record with marks."""
    return FakeRecord("panes", offset, MARKS)


def taken(batch: Batch[str] | None) -> tuple[list[int], dict[str, int]]:
    """Return the offsets that land, and what may be committed then."""
    assert batch is not None
    return [record.offset for record in batch.records], batch.next_offsets


def test_it_is_due_when_its_first_record_has_waited_long_enough() -> None:
    batch = gathering()
    assert batch.take(10_000) is None
    batch.add({}, 500)
    assert batch.take(10_000) is None
    batch.add({"p0": records("t", [b"a"])}, 1_000)
    batch.add({"p0": records("t", [b"b"], first_offset=1)}, 1_900)
    assert batch.take(1_999) is None
    assert taken(batch.take(2_000)) == ([0, 1], {"p0": 2})
    assert batch.take(60_000) is None, "nothing is left"


def test_it_is_full_by_records_or_by_bytes_and_taken_then() -> None:
    many = gathering(max_records=3)
    many.add({"p0": records("t", [b"a", None])}, 0)
    assert (many.is_full(), many.take(0)) == (False, None)
    many.add({"p1": records("t", [b"b"])}, 0)
    assert many.is_full()
    assert taken(many.take(0)) == ([0, 1, 0], {"p0": 2, "p1": 1})
    large = gathering()
    large.add({"p0": [FakeRecord("t", 0, bytes(MAX_BYTES))]}, 0)
    assert large.is_full()
    assert large.take(0) is not None
    assert not large.is_full()


def test_no_more_is_polled_for_than_fits_when_records_stay_as_large_as_the_largest() -> None:
    assert (gathering(50).room(), gathering(50_000).room()) == (50, POLL_RECORDS)
    few, many = gathering(5), gathering(50_000)
    for batch in (few, many):
        batch.add({"p0": [FakeRecord("t", 0, bytes(1)), FakeRecord("t", 1, bytes(MAX_BYTES // 8))]}, 0)
    assert (few.room(), many.room()) == (3, 6)
    many.add({"p0": [FakeRecord("t", 2 + place, bytes(MAX_BYTES // 8)) for place in range(6)]}, 0)
    assert many.is_full(), "one more of the largest would be too much"


def test_what_is_committed_is_the_offset_after_the_last_record_of_each_partition() -> None:
    batch = gathering()
    batch.add({"p0": records("t", [b"a", b"b"], first_offset=7), "p1": records("t", [b"c"])}, 0)
    batch.add({"p0": [FakeRecord("t", 12, b"d")]}, 0)  # transactions leave holes
    found = batch.take(1_000)
    assert taken(found)[1] == {"p0": 13, "p1": 1}
    assert found is not None
    assert [record.value for record in found.records] == [b"a", b"b", b"d", b"c"]


def test_an_open_snapshot_waits_and_holds_the_commit_back_while_all_else_lands() -> None:
    batch = gathering()
    batch.add({"p0": [mark_at(4), told(5, 1), mark_at(6), told(7, 9, final=True, part=1)], "p1": [mark_at(0)]}, 0)
    assert taken(batch.take(1_000)) == ([4, 6, 0, 7], {"p0": 5, "p1": 1})
    assert batch.take(OPEN_MS - 1) is None
    assert taken(batch.take(OPEN_MS)) == ([5], {"p0": 8})
    assert batch.length == 0


def test_an_open_snapshot_that_changes_all_the_time_lands_all_the_same_and_the_commit_follows_the_newest() -> None:
    batch = gathering()
    for at_ms in range(0, OPEN_MS, 500):
        batch.add({"p0": [told(at_ms, at_ms), mark_at(at_ms + 1)]}, at_ms)
    assert taken(batch.take(1_000))[1] == {"p0": OPEN_MS - 500}, "the newest is read again after a restart"
    assert taken(batch.take(OPEN_MS)) == ([OPEN_MS - 500], {"p0": OPEN_MS - 498})


def test_a_final_snapshot_takes_the_place_of_the_open_one_that_waits() -> None:
    batch = gathering()
    batch.add({"p0": [told(0, 3)]}, 0)
    batch.add({"p0": [told(1, 3, final=True)]}, 10)
    assert batch.length == 1
    assert taken(batch.take(1_010)) == ([1], {"p0": 2})
    assert batch.take(OPEN_MS) is None


def test_a_final_snapshot_does_not_wait_for_an_open_one_of_a_greater_version() -> None:
    batch = gathering()
    batch.add({"p0": [told(0, 6), told(1, 5, final=True)]}, 0)
    assert taken(batch.take(1_000)) == ([1], {"p0": 0})
    assert taken(batch.take(OPEN_MS)) == ([0], {"p0": 2})


def test_open_snapshots_that_land_commit_nothing_that_still_waits_in_the_quick_lane() -> None:
    batch = gathering(wait_ms=OPEN_MS)
    batch.add({"p0": [told(0, 1)]}, 0)
    batch.add({"p0": [mark_at(1), told(2, 1, part=1)], "e0": records("e", [b"x"])}, 1)
    assert taken(batch.take(OPEN_MS)) == ([0, 2], {"p0": 1, "e0": 0})
    assert taken(batch.take(OPEN_MS + 1)) == ([1, 0], {"p0": 3, "e0": 1})


def test_of_two_lanes_the_one_that_was_due_first_is_taken_first_so_neither_starves() -> None:
    batch = gathering(max_records=2)
    batch.add({"p0": [told(0, 1)]}, 0)
    lanes = []
    for number, at_ms in enumerate(range(0, 3 * OPEN_MS, 500)):
        batch.add(
            {"p0": [told(1 + number, 1 + number)], "e0": records("e", [b"a", b"b"], first_offset=2 * number)}, at_ms
        )
        found = batch.take(at_ms)
        assert found is not None
        lanes.append(found.records[0].topic)
    assert 2 <= lanes.count("panes") <= 3


@pytest.mark.parametrize("full_of", ["records", "bytes"])
def test_open_snapshots_that_are_many_or_large_land_before_they_are_due(full_of: str) -> None:
    batch = gathering(max_records=3 if full_of == "records" else 1_000)
    many = [told(number, 1, part=number) for number in range(3)]
    if full_of == "bytes":
        many = [FakeRecord("panes", one.offset, bytes(MAX_BYTES // 3), key=one.key) for one in many]
    batch.add({"p0": many}, 0)
    assert batch.is_full()
    assert taken(batch.take(0)) == ([0, 1, 2], {"p0": 3})


def test_at_the_end_everything_is_taken_due_or_not() -> None:
    batch = gathering()
    assert list(batch.rest()) == []
    batch.add({"p0": [told(0, 1), mark_at(1)]}, 0)
    assert [taken(one) for one in batch.rest()] == [([1], {"p0": 0}), ([0], {"p0": 2})]


def test_whatever_comes_and_whenever_it_stops_no_commit_passes_a_part_whose_newest_snapshot_has_not_landed() -> None:
    chance = random.Random(11)
    for _ in range(300):
        batch = gathering(max_records=chance.choice([3, 1_000]))
        log: list[FakeRecord] = []
        landed: set[int] = set()
        committed = 0
        for at_ms in range(0, 12_000, 400):
            come = [_anything(chance, len(log) + place) for place in range(chance.randrange(4))]
            log += come
            batch.add({"p0": come}, at_ms)
            if chance.random() < 0.7 and (found := batch.take(at_ms)):
                landed |= {record.offset for record in found.records}
                assert found.next_offsets["p0"] >= committed, "a commit never goes back"
                committed = found.next_offsets["p0"]
                assert _lost(log, landed, committed) == []
        for found in batch.rest():
            landed |= {record.offset for record in found.records}
            assert _lost(log, landed, found.next_offsets["p0"]) == []
            committed = found.next_offsets["p0"]
        assert committed == len(log) or not log


def _anything(chance: random.Random, offset: int) -> FakeRecord:
    if chance.random() < 0.3:
        return mark_at(offset)
    return told(offset, chance.randrange(offset + 1), final=chance.random() < 0.3, part=chance.randrange(2))


def _lost(log: list[FakeRecord], landed: set[int], committed: int) -> list[int]:
    """Return what a restart would miss: not landed, not read again, and no newer one of its part is either."""
    kept = [record for record in log if record.offset in landed or record.offset >= committed]
    return [
        record.offset
        for record in log[:committed]
        if record.offset not in landed and not any(_replaces(other, record) for other in kept)
    ]


def _replaces(other: FakeRecord, record: FakeRecord) -> bool:
    if record.key is None or other.key is None:
        return False
    *whose, version, kind = record.key.split(b"/")
    *others, newer, other_kind = other.key.split(b"/")
    return whose == others and (int(newer), other_kind == b"final") >= (int(version), kind == b"final")
