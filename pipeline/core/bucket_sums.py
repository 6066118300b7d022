"""Latency histograms by row, dense over the columns in use: a service's latencies span a third of all buckets."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.core.histogram import WIDTH

Int64s = npt.NDArray[np.int64]
Counts = npt.NDArray[Any]

_COLUMNS = 32
"""Columns come and stay by so many."""


class BucketSums:
    """Histograms of so many rows, zero at first. Counts are int32 until `widen` is called, then int64.

    `counts` has the columns from `first` on; all others are zero.
    """

    def __init__(self) -> None:
        self.first = 0
        self.counts: Counts = np.zeros((0, 0), np.int32)

    @property
    def is_wide(self) -> bool:
        """Whether counts beyond 32 bits fit in."""
        return self.counts.dtype == np.int64

    def copy(self) -> BucketSums:
        """Return histograms of their own with the same values."""
        return self._with(self.counts.copy())

    def taken(self, rows: Int64s) -> BucketSums:
        """Return some rows, in that order, and a row of zeros after them."""
        taken = np.empty((rows.size + 1, self.counts.shape[1]), self.counts.dtype)
        np.take(self.counts, rows, axis=0, out=taken[:-1])
        taken[-1] = 0
        return self._with(taken)

    def dense(self, rows: int) -> Counts:
        """Return all columns of the first rows, shape (rows, WIDTH), in an array of its own."""
        dense = np.zeros((rows, WIDTH), self.counts.dtype)
        dense[:, self.first : self.first + self.counts.shape[1]] = self.counts[:rows]
        return dense

    def reserve(self, rows: int) -> None:
        """Make room for so many rows."""
        held, columns = self.counts.shape
        if rows > held:
            self._move(rows, self.first, self.first + columns)

    def widen(self) -> None:
        """Make room for counts beyond 32 bits."""
        self.counts = self.counts.astype(np.int64)

    def add(self, rows: Int64s, columns: Int64s, counts: Int64s) -> None:
        """Add counts, entry by entry; places may repeat."""
        if not columns.size:
            return
        self._reach(int(columns.min()), int(columns.max()) + 1)
        places = rows * self.counts.shape[1] + (columns - self.first)
        np.add.at(self.counts.reshape(-1), places, counts.astype(self.counts.dtype))

    def add_rows(self, rows: Int64s, other: BucketSums, sign: int) -> None:
        """Add or subtract the first `len(rows)` rows of others; `rows[n]` is where its row n goes."""
        there = self._columns_of(other)
        if there is None:
            return
        counts = other.counts[: rows.size].astype(self.counts.dtype, copy=False)
        add = np.add if sign > 0 else np.subtract
        if np.unique(rows).size == rows.size:
            self.counts[rows, there] = add(self.counts[rows, there], counts)
        else:
            add.at(self.counts[:, there], rows, counts)

    def add_whole(self, other: BucketSums) -> None:
        """Add others row by row; what they have beyond is left out."""
        there = self._columns_of(other)
        if there is not None:
            self.counts[:, there] += other.counts[: len(self.counts)]

    def _with(self, counts: Counts) -> BucketSums:
        twin = BucketSums()
        twin.first, twin.counts = self.first, counts
        return twin

    def _columns_of(self, other: BucketSums) -> slice | None:
        """Return where the columns of others are here, with room made for them; None if they have none."""
        columns = other.counts.shape[1]
        if not columns:
            return None
        self._reach(other.first, other.first + columns)
        return slice(other.first - self.first, other.first - self.first + columns)

    def _reach(self, first: int, end: int) -> None:
        rows, columns = self.counts.shape
        if columns and self.first <= first and end <= self.first + columns:
            return
        least = first // _COLUMNS * _COLUMNS
        most = min(-(-end // _COLUMNS) * _COLUMNS, WIDTH)
        if columns:
            least, most = min(least, self.first), max(most, self.first + columns)
        self._move(rows, least, most)

    def _move(self, rows: int, first: int, end: int) -> None:
        held, columns = self.counts.shape
        moved = np.zeros((rows, end - first), self.counts.dtype)
        if columns:
            moved[:held, self.first - first : self.first - first + columns] = self.counts
        self.first, self.counts = first, moved
