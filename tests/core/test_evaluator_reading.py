"""A record on `panes` or `signals` that nobody of the pipeline wrote costs itself, never the evaluator."""

from dataclasses import dataclass

import msgspec
import pytest
from faust.types import TP

from pipeline.core import records
from pipeline.core.block import PackedBlock
from pipeline.core.records import Marks, Snapshot
from pipeline.errors import FatalError
from pipeline.evaluator.reading import read

PANES = TP("panes", 3)


@dataclass
class Record:
    value: bytes | None
    offset: int = 7


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"hello",
        b'{"a": 1}',
        b"\xff\xfe",
        b"[]",
        *map(msgspec.msgpack.encode, (["x1", 2], ["s1", 2], ["s1"])),
    ],
)
def test_what_is_foreign_is_passed_over(value: bytes | None, caplog: pytest.LogCaptureFixture) -> None:
    assert read(records.decode, PANES, Record(value)) is None
    assert read(records.decode_signal, PANES, Record(value)) is None
    assert "panes-3, offset 7: passed over" in caplog.text


@pytest.mark.parametrize("value", [msgspec.msgpack.encode(["s2", 1]), b'{"type": "signal2"}'])
def test_what_a_later_release_wrote_is_never_passed_over(value: bytes) -> None:
    with pytest.raises(FatalError, match=r"offset 7.*run that release"):
        read(records.decode, PANES, Record(value))


def test_what_is_ours_is_read() -> None:
    marks = Marks("w", 0, [])
    assert read(records.decode, PANES, Record(records.encode(marks))) == marks


def test_a_snapshot_of_another_shard_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    block = PackedBlock([], b"", b"", b"", b"", b"", b"", b"", b"")
    snapshot = Snapshot(1, "events.operations-0", 0, 10_000, shard=4, part=0, version=9, final=False, block=block)
    assert read(records.decode, PANES, Record(records.encode(snapshot))) is None
    assert "a snapshot of shard 4" in caplog.text
