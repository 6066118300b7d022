"""Panes that are still open: the newest snapshot of every source, by reference, and their sum when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pipeline.core.block import Block, Int64s, PackedBlock, unpack
from pipeline.core.merge import no_extremes, widen
from pipeline.core.records import Snapshot
from pipeline.core.series import Series
from pipeline.core.sums import StatusColumns, Sums


@dataclass(frozen=True, slots=True)
class _Slot:
    version: int
    packed: PackedBlock
    rows: Int64s  # row in the pane of each series of the block


@dataclass(frozen=True, slots=True)
class Change:
    """What a snapshot did to a pane: its source's former share out, the new one in, and which series differ."""

    old: Block | None
    new: Block
    changed: list[Series]


class OpenPane:
    """One open pane of one shard. Rows are given in order of appearance and never taken back.

    `renames` holds the series that are counted under another name (the series cap); set by the engine.
    """

    def __init__(self, start_ms: int, columns: StatusColumns, offset: int) -> None:
        self.start_ms = start_ms
        self.first_offset = offset
        self.series: list[Series] = []
        self.renames: dict[Series, Series] = {}
        self._columns = columns
        self._row_of: dict[Series, int] = {}
        self._slots: dict[tuple[int, str, int], _Slot] = {}
        self._dense: Sums | None = None
        self._extremes: Int64s | None = None

    def apply(self, snapshot: Snapshot, offset: int) -> Change | None:
        """Let a snapshot replace the earlier one of its (epoch, source, part); None if it isn't newer."""
        key = (snapshot.epoch, snapshot.source, snapshot.part)
        former = self._slots.get(key)
        if former is not None and snapshot.version <= former.version:
            return None
        self.first_offset = min(self.first_offset, offset)
        slot = _Slot(snapshot.version, snapshot.block, self._rows(snapshot.block.series))
        self._slots[key] = slot
        self._extremes = None
        old, new = (unpack(former.packed) if former else None), unpack(slot.packed)
        if self._dense is not None:
            self._dense.add_block(slot.rows, new, 1)
            if former is not None and old is not None:
                self._dense.add_block(former.rows, old, -1)
        return Change(old, new, _changed(old, new))

    def counted_as(self, names: list[Series]) -> list[Series]:
        """Return the names that series are counted under."""
        return [self.renames.get(name, name) for name in names] if self.renames else names

    def slots(self) -> Iterator[tuple[Int64s, Block]]:
        """Yield the newest block of every source and part, with the row in the pane of each of its series."""
        for slot in self._slots.values():
            yield slot.rows, unpack(slot.packed)

    def dense(self) -> Sums:
        """The pane's sums, row by row as in `series`; made when first asked for, then kept up to date."""
        if self._dense is None:
            self._dense = Sums(self._columns)
            for rows, block in self.slots():
                self._dense.add_block(rows, block, 1)
        self._dense.reserve(len(self.series))
        return self._dense

    def drop_dense(self) -> None:
        """Free the memory of `dense` until it is asked for again."""
        self._dense = None

    def extremes(self) -> Int64s:
        """Least and greatest latency of each row, shape (rows, 2); gone through anew, as they cannot be subtracted."""
        if self._extremes is None:
            self._extremes = no_extremes(len(self.series))
            for rows, block in self.slots():
                widen(self._extremes, rows, block.extremes)
        return self._extremes

    def _rows(self, series: list[Series]) -> Int64s:
        rows = np.empty(len(series), np.int64)
        for place, name in enumerate(series):
            row = self._row_of.get(name)
            if row is None:
                row = self._row_of[name] = len(self.series)
                self.series.append(name)
            rows[place] = row
        return rows


def _changed(old: Block | None, new: Block) -> list[Series]:
    """Return the series whose counts differ; any latency or status that differs shows in the scalars or extremes."""
    if old is None:
        return list(new.series)
    if new.series[: old.rows] != old.series:
        return list({*old.series, *new.series})
    same = (new.scalars[: old.rows] == old.scalars).all(axis=1) & (new.extremes[: old.rows] == old.extremes).all(axis=1)
    return [name for row, name in enumerate(new.series) if row >= old.rows or not same[row]]
