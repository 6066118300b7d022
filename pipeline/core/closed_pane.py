"""Closed panes: one pane of one shard merged over its sources, as records of the table `closed_panes`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import cramjam
import msgspec
import numpy as np

from pipeline.core.block import MAX_WIRE_COUNT, Block, PackedBlock, unpack
from pipeline.core.merge import parts_of
from pipeline.core.records import PART_SERIES

_FORMAT = b"\x01"
_ZSTD_LEVEL = 1


class ClosedKey(NamedTuple):
    """Key of one record: which part of which pane of which shard."""

    pane_start_ms: int
    shard: int
    part: int


@dataclass(frozen=True, slots=True)
class ClosedPart:
    """One record's content. A pane is whole when all of its `parts` are there."""

    part: int
    parts: int
    block: Block


@dataclass(frozen=True, slots=True)
class ClosedPane:
    """A pane to be written to the table, then told to `WindowEngine.closed`."""

    start_ms: int
    shard: int
    block: Block

    def records(self) -> list[tuple[ClosedKey, bytes]]:
        """Return the table's records, at most PART_SERIES series each; to be written in order, panes ascending."""
        blocks = list(parts_of(self.block, PART_SERIES))
        return [
            (ClosedKey(self.start_ms, self.shard, part), encode_closed(ClosedPart(part, len(blocks), block)))
            for part, block in enumerate(blocks)
        ]


class _Wire(msgspec.Struct, array_like=True, gc=False, frozen=True):
    part: int
    parts: int
    wide: bool  # hist_count and status_count are 64 bits wide
    block: PackedBlock


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Wire)


def encode_closed(closed: ClosedPart) -> bytes:
    """Return a part as bytes: a format version, then msgpack under zstd. Equal parts give equal bytes."""
    block = closed.block
    wide = _greatest(block) > MAX_WIRE_COUNT
    count_type = "<u8" if wide else "<u4"
    packed = PackedBlock(
        series=block.series,
        scalars=block.scalars.astype("<i8").tobytes(),
        extremes=block.extremes.astype("<i8").tobytes(),
        hist_len=block.hist_len.astype("<u2").tobytes(),
        hist_index=block.hist_index.astype("<i2").tobytes(),
        hist_count=block.hist_count.astype(count_type).tobytes(),
        status_len=block.status_len.astype("<u2").tobytes(),
        status_code=block.status_code.astype("<u2").tobytes(),
        status_count=block.status_count.astype(count_type).tobytes(),
    )
    plain = _encoder.encode(_Wire(closed.part, closed.parts, wide, packed))
    return _FORMAT + bytes(cramjam.zstd.compress(plain, _ZSTD_LEVEL))


def decode_closed(payload: bytes) -> ClosedPart:
    """Return the part that `encode_closed` made the bytes from; ValueError for a format that is not known."""
    if payload[:1] != _FORMAT:
        raise ValueError(f"closed pane in format {payload[:1].hex() or 'none'}; this release reads {_FORMAT.hex()}")
    wire = _decoder.decode(bytes(cramjam.zstd.decompress(payload[1:])))
    block = unpack(wire.block)
    if wire.wide:
        block = _widened(block, wire.block)
    return ClosedPart(wire.part, wire.parts, block)


def whole(parts: Iterable[ClosedPart]) -> bool:
    """Return whether all parts of a pane are there (a crash can leave some unwritten)."""
    found = list(parts)
    return bool(found) and {closed.part for closed in found} == set(range(found[0].parts))


def blocks_of(values: Sequence[bytes]) -> list[Block]:
    """Return the blocks in a pane's records."""
    return [decode_closed(value).block for value in values]


def _greatest(block: Block) -> int:
    return max((int(counts.max()) for counts in (block.hist_count, block.status_count) if counts.size), default=0)


def _widened(block: Block, packed: PackedBlock) -> Block:
    return replace(
        block,
        hist_count=np.frombuffer(packed.hist_count, "<u8").astype(np.int64),
        status_count=np.frombuffer(packed.status_count, "<u8").astype(np.int64),
    )
