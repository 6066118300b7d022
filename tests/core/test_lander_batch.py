"""What gathers in a batch, and when it lands."""

from pipeline.lander.batch import MAX_BYTES, Batch
from tests.contracts.kafka_records import FakeRecord, records


def test_it_is_due_when_its_first_record_has_waited_long_enough() -> None:
    batch: Batch[str] = Batch()
    assert not batch.is_due(10_000, 1_000)
    batch.add({}, 500)
    assert not batch.is_due(10_000, 1_000)
    batch.add({"p0": records("t", [b"a"])}, 1_000)
    batch.add({"p0": records("t", [b"b"], first_offset=1)}, 1_900)
    assert not batch.is_due(1_999, 1_000)
    assert batch.is_due(2_000, 1_000)


def test_it_is_full_by_records_or_by_bytes() -> None:
    many: Batch[str] = Batch()
    many.add({"p0": records("t", [b"a", None]), "p1": records("t", [b"b"])}, 0)
    assert many.is_full(3)
    assert not many.is_full(4)
    large: Batch[str] = Batch()
    large.add({"p0": [FakeRecord("t", 0, bytes(MAX_BYTES))]}, 0)
    assert large.is_full(1_000)


def test_what_is_committed_is_the_offset_after_the_last_record_of_each_partition() -> None:
    batch: Batch[str] = Batch()
    batch.add({"p0": records("t", [b"a", b"b"], first_offset=7), "p1": records("t", [b"c"])}, 0)
    batch.add({"p0": [FakeRecord("t", 12, b"d")]}, 0)  # transactions leave holes
    assert batch.next_offsets() == {"p0": 13, "p1": 1}
    assert [record.value for record in batch.in_order()] == [b"a", b"b", b"d", b"c"]
