"""Dense integer sums of many series: counts, latency histogram, calls by status code."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from pipeline.core.block import ADDITIVE, COLUMN, Block
from pipeline.core.bucket_sums import BucketSums

Int64s = npt.NDArray[np.int64]
T = TypeVar("T", bound=np.generic)

_CALLS = COLUMN["calls"]
_INT32_MAX = np.iinfo(np.int32).max
_FIRST_ROWS = 16
_FIRST_CODES = 4


def capacity_for(rows: int, held: int) -> int:
    """Return for how many rows to make room where there is some for `held`: a quarter more, as rows are wide."""
    return max(-(-rows // _FIRST_ROWS) * _FIRST_ROWS, held + held // 4)


class StatusColumns:
    """Which column a status code has in every `Sums` that shares this; given out in order of appearance."""

    def __init__(self) -> None:
        self.codes: list[int] = []
        self._column = np.full(2**16, -1, np.int32)

    def of(self, codes: npt.NDArray[np.uint16]) -> npt.NDArray[np.int32]:
        """Return the column of each code; a new code gets a new one."""
        columns = self._column[codes]
        if codes.size and columns.min() < 0:
            for code in np.unique(codes[columns < 0]).tolist():
                self._column[code] = len(self.codes)
                self.codes.append(code)
            columns = self._column[codes]
        return columns


class Sums:
    """Sums by row; what is added can be subtracted again, exactly. Rows that were never added to are zero.

    - `scalars`: int64 (capacity, len(ADDITIVE))
    - `buckets`: the latency histograms, int32 until a row has more than 2**31 - 1 calls, then int64: half the memory,
      as a bucket never counts more than its row's calls
    - `status`: int64 (capacity, at least len(columns.codes))
    """

    def __init__(self, columns: StatusColumns) -> None:
        self.columns = columns
        self.scalars: Int64s = np.zeros((0, len(ADDITIVE)), np.int64)
        self.buckets = BucketSums()
        self.status: Int64s = np.zeros((0, _FIRST_CODES), np.int64)

    @property
    def hist(self) -> npt.NDArray[np.integer]:
        """The histograms of all rows, (capacity, WIDTH), made anew."""
        return self.buckets.dense(self.scalars.shape[0])

    def copy(self) -> Sums:
        """Return sums of their own with the same values."""
        twin = Sums(self.columns)
        twin.scalars, twin.buckets, twin.status = self.scalars.copy(), self.buckets.copy(), self.status.copy()
        return twin

    def taken(self, rows: Int64s) -> Sums:
        """Return sums of their own of some rows, in that order, and a row of zeros after them."""
        taken = Sums(self.columns)
        taken.scalars, taken.status = _taken(self.scalars, rows), _taken(self.status, rows)
        taken.buckets = self.buckets.taken(rows)
        return taken

    def add_whole(self, other: Sums) -> None:
        """Add sums of the same rows, row by row; what others have beyond is left out."""
        count, known = self.scalars.shape[0], len(self.columns.codes)
        self.reserve(count)
        self.scalars += other.scalars[:count]
        if not self.buckets.is_wide and (other.buckets.is_wide or self._most(slice(None)) > _INT32_MAX):
            self.buckets.widen()
        self.buckets.add_whole(other.buckets)
        status = other.status[:count, :known]
        self.status[:, : status.shape[1]] += status

    def reserve(self, rows: int) -> None:
        """Make room for so many rows and for every status code known by now."""
        capacity, codes = self.scalars.shape[0], self.status.shape[1]
        if rows > capacity:
            capacity = capacity_for(rows, capacity)
            self.scalars, self.status = _taller(self.scalars, capacity), _taller(self.status, capacity)
            self.buckets.reserve(capacity)
        if len(self.columns.codes) > codes:
            wider = np.zeros((capacity, max(len(self.columns.codes), 2 * codes)), np.int64)
            wider[:, :codes] = self.status
            self.status = wider

    def add_block(self, rows: Int64s, block: Block, sign: int) -> None:
        """Add (`sign` 1) or subtract (-1) a block; `rows[n]` is the row of the block's series n and may repeat."""
        if not rows.size:
            return
        status_columns = self.columns.of(block.status_code)
        self.reserve(int(rows.max()) + 1)
        np.add.at(self.scalars, rows, sign * block.scalars)
        self._fit(rows)
        self.buckets.add(rows[block.hist_rows()], block.hist_index.astype(np.int64) + 1, sign * block.hist_count)
        places = rows[block.status_rows()] * self.status.shape[1] + status_columns
        np.add.at(self.status.reshape(-1), places, sign * block.status_count)

    def add_sums(self, rows: Int64s, other: Sums, sign: int) -> None:
        """Add or subtract the first `len(rows)` rows of other sums; `rows[n]` is the row that its row n goes to."""
        count = rows.size
        if not count:
            return
        self.reserve(int(rows.max()) + 1)
        np.add.at(self.scalars, rows, sign * other.scalars[:count])
        self._fit(rows)
        self.buckets.add_rows(rows, other.buckets, sign)
        known = len(self.columns.codes)
        padded = np.zeros((count, self.status.shape[1]), np.int64)
        padded[:, : min(known, other.status.shape[1])] = other.status[:count, :known]
        np.add.at(self.status, rows, sign * padded)

    def _fit(self, rows: Int64s) -> None:
        if not self.buckets.is_wide and self._most(rows) > _INT32_MAX:
            self.buckets.widen()

    def _most(self, rows: Int64s | slice) -> int:
        return int(self.scalars[rows, _CALLS].max(initial=0))


def _taken(values: npt.NDArray[T], rows: Int64s) -> npt.NDArray[T]:
    taken = np.empty((rows.size + 1, values.shape[1]), values.dtype)
    np.take(values, rows, axis=0, out=taken[:-1])
    taken[-1] = 0
    return taken


def _taller(values: npt.NDArray[T], rows: int) -> npt.NDArray[T]:
    grown = np.zeros((rows, values.shape[1]), values.dtype)
    grown[: values.shape[0]] = values
    return grown
