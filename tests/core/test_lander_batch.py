"""What gathers in a batch, and when it lands."""

from pipeline.lander.batch import MAX_BYTES, POLL_RECORDS, Batch
from tests.contracts.kafka_records import FakeRecord, records


def test_it_is_due_when_its_first_record_has_waited_long_enough() -> None:
    batch: Batch[str] = Batch("panes")
    assert not batch.is_due(10_000, 1_000)
    batch.add({}, 500)
    assert not batch.is_due(10_000, 1_000)
    batch.add({"p0": records("t", [b"a"])}, 1_000)
    batch.add({"p0": records("t", [b"b"], first_offset=1)}, 1_900)
    assert not batch.is_due(1_999, 1_000)
    assert batch.is_due(2_000, 1_000)


def test_it_is_full_by_records_or_by_bytes() -> None:
    many: Batch[str] = Batch("panes")
    many.add({"p0": records("t", [b"a", None]), "p1": records("t", [b"b"])}, 0)
    assert many.is_full(3)
    assert not many.is_full(4)
    large: Batch[str] = Batch("panes")
    large.add({"p0": [FakeRecord("t", 0, bytes(MAX_BYTES))]}, 0)
    assert large.is_full(1_000)


def test_no_more_is_polled_for_than_fits_when_records_stay_as_large_as_the_largest() -> None:
    batch: Batch[str] = Batch("panes")
    assert (batch.room(50), batch.room(50_000)) == (50, POLL_RECORDS)
    batch.add({"p0": [FakeRecord("t", 0, bytes(1)), FakeRecord("t", 1, bytes(MAX_BYTES // 8))]}, 0)
    assert (batch.room(5), batch.room(50_000)) == (3, 6)
    batch.add({"p0": [FakeRecord("t", 2 + place, bytes(MAX_BYTES // 8)) for place in range(6)]}, 0)
    assert batch.is_full(50_000), "one more of the largest would be too much"


def test_what_is_committed_is_the_offset_after_the_last_record_of_each_partition() -> None:
    batch: Batch[str] = Batch("panes")
    batch.add({"p0": records("t", [b"a", b"b"], first_offset=7), "p1": records("t", [b"c"])}, 0)
    batch.add({"p0": [FakeRecord("t", 12, b"d")]}, 0)  # transactions leave holes
    assert batch.next_offsets() == {"p0": 13, "p1": 1}
    assert [record.value for record in batch.in_order()] == [b"a", b"b", b"d", b"c"]
