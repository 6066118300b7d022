"""A block: many series' counts and histograms as columns, for the wire and for tables.

One block is what a snapshot of a pane, a closed pane or a merge of several carries. All numbers are whole, so adding
and subtracting blocks is exact in any order.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from pipeline.core.series import Series

ADDITIVE = (
    "events",  # operation events, each counted as one
    "calls",  # the same, by weight: a sampled event stands for several calls
    "failures",  # failed calls; cancelled ones are not among them
    "client_errors",  # failed calls whose outcome is client_error
    "timeouts",  # failed calls whose outcome is timeout
    "cancelled",  # cancelled calls, in neither rate
    "error_events",  # error events, each counted as one
    "errors_warning",  # error events by severity, by weight
    "errors_error",
    "errors_critical",
    "latency_sum_us",  # over all calls, by weight, each clamped to one hour
    "latency_clamped",  # calls that took longer than one hour
)
"""Columns of `Block.scalars`, in order."""

COLUMN = {name: position for position, name in enumerate(ADDITIVE)}
NO_MIN_US = np.iinfo(np.int64).max
MAX_WIRE_COUNT = 2**32 - 1

Int64s = npt.NDArray[np.int64]


class PackedBlock(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """`Block` as bytes: little-endian, C order."""

    series: list[Series]
    scalars: bytes
    extremes: bytes
    hist_len: bytes
    hist_index: bytes
    hist_count: bytes
    status_len: bytes
    status_code: bytes
    status_count: bytes


@dataclass(frozen=True, slots=True)
class Block:
    """Counts of `rows` series.

    - `series`: rows of identities, each once
    - `scalars`: int64 (rows, len(ADDITIVE))
    - `extremes`: int64 (rows, 2), least and greatest latency in microseconds; (NO_MIN_US, -1) where there is none
    - `hist_len`: int64 (rows,), how many entries of `hist_index`/`hist_count` belong to each row, in row order
    - `hist_index`: int16 (n,) bucket index, ascending within a row; `hist_count`: int64 (n,), by weight
    - `status_len`, `status_code`, `status_count`: the same for calls by status code
    """

    series: list[Series]
    scalars: Int64s
    extremes: Int64s
    hist_len: Int64s
    hist_index: npt.NDArray[np.int16]
    hist_count: Int64s
    status_len: Int64s
    status_code: npt.NDArray[np.uint16]
    status_count: Int64s

    @property
    def rows(self) -> int:
        """How many series the block holds."""
        return len(self.series)

    def hist_rows(self) -> Int64s:
        """Row number of every histogram entry, shape (n,)."""
        return np.repeat(np.arange(self.rows), self.hist_len)

    def status_rows(self) -> Int64s:
        """Row number of every status entry, shape (n,)."""
        return np.repeat(np.arange(self.rows), self.status_len)


def pack(block: Block) -> PackedBlock:
    """Return the block as bytes. Counts are uint32 on the wire, and uint64 where one is greater (heavy weights)."""
    return PackedBlock(
        series=block.series,
        scalars=block.scalars.astype("<i8").tobytes(),
        extremes=block.extremes.astype("<i8").tobytes(),
        hist_len=block.hist_len.astype("<u2").tobytes(),
        hist_index=block.hist_index.astype("<i2").tobytes(),
        hist_count=_counts(block.hist_count),
        status_len=block.status_len.astype("<u2").tobytes(),
        status_code=block.status_code.astype("<u2").tobytes(),
        status_count=_counts(block.status_count),
    )


def _counts(counts: Int64s) -> bytes:
    wide = bool(counts.size) and int(counts.max()) > MAX_WIRE_COUNT
    return counts.astype("<u8" if wide else "<u4").tobytes()


def unpack(packed: PackedBlock) -> Block:
    """Return the block that `pack` made the bytes from."""
    rows = len(packed.series)
    hist_index = np.frombuffer(packed.hist_index, "<i2")
    status_code = np.frombuffer(packed.status_code, "<u2")
    return Block(
        series=packed.series,
        scalars=np.frombuffer(packed.scalars, "<i8").reshape(rows, len(ADDITIVE)),
        extremes=np.frombuffer(packed.extremes, "<i8").reshape(rows, 2),
        hist_len=np.frombuffer(packed.hist_len, "<u2").astype(np.int64),
        hist_index=hist_index,
        hist_count=_counted(packed.hist_count, len(hist_index)),
        status_len=np.frombuffer(packed.status_len, "<u2").astype(np.int64),
        status_code=status_code,
        status_count=_counted(packed.status_count, len(status_code)),
    )


def _counted(packed: bytes, entries: int) -> Int64s:
    """Return counts, whose width their number tells."""
    return np.frombuffer(packed, "<u8" if len(packed) == 8 * entries else "<u4").astype(np.int64)
