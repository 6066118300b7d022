"""One source partition's share of one pane: events in, snapshots by shard and part out.

The hot path only gathers columns; `fold` turns them into counts, a few times a second. All of it is integer sums, and
rows are given in offset order, so the snapshots are the same bytes for any batching and after any restart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pipeline.core import sparse
from pipeline.core.block import ADDITIVE, NO_MIN_US, Block
from pipeline.core.columns import Columns
from pipeline.core.example import RowExample
from pipeline.core.pane_counts import HIST_BITS, STATUS_BITS, Counts, counts_of
from pipeline.core.pane_examples import PaneExamples
from pipeline.core.pane_rows import PaneRows, SeriesLimits
from pipeline.core.series import Series
from pipeline.core.sparse import Sparse

Int64s = npt.NDArray[np.int64]

GATHER_EVENTS = 65_536
"""Gathered events that are folded without waiting for a flush: bounds memory."""


@dataclass(frozen=True, slots=True)
class PartSnapshot:
    """What a pane says about one part of one shard. `version` is the last source offset that it includes.

    `examples` are those that were not told before, or all of them if everything was asked for.
    """

    shard: int
    part: int
    version: int
    block: Block
    examples: list[RowExample]


class Pane:
    """Counts of one pane at one source partition."""

    def __init__(self, limits: SeriesLimits, first_offset: int) -> None:
        self.first_offset = first_offset
        self._rows = PaneRows(limits)
        self._gathered: list[Columns] = []
        self._gathered_events = 0
        self._scalars = np.zeros((0, len(ADDITIVE)), np.int64)
        self._extremes = np.zeros((0, 2), np.int64)
        self._last_offset = np.zeros(0, np.int64)
        self._latency = sparse.EMPTY
        self._status = sparse.EMPTY
        self._examples = PaneExamples()
        self._changed: set[tuple[int, int]] = set()

    def add(self, events: Columns, table: list[Series]) -> None:
        """Count events; `table` is the series table that their numbers belong to."""
        self._examples.choose(events, len(table))
        self._gathered.append(replace(events, event=None))  # else everything stays in memory until the next fold
        self._gathered_events += len(events)
        if self._gathered_events >= GATHER_EVENTS:
            self.fold(table)

    def fold(self, table: list[Series]) -> None:
        """Turn everything gathered into counts."""
        for events in self._gathered:
            rows = self._rows.rows_of(events.series, table)
            self._grow()
            self._include(counts_of(events, rows))
        self._examples.place(self._rows, table)
        self._gathered.clear()
        self._gathered_events = 0

    def forget_numbers(self, table: list[Series]) -> None:
        """Fold, because the series table is about to be cleared."""
        self.fold(table)
        self._rows.forget_numbers()
        self._examples.forget_numbers()

    def snapshots(self, table: list[Series], *, everything: bool) -> list[PartSnapshot]:
        """Return the parts that changed since the last call, or all of them, in order of (shard, part)."""
        self.fold(table)
        wanted = set(self._rows.part_of) if everything else self._changed
        self._changed = set()
        return list(self._split(sorted(wanted), everything=everything)) if wanted else []

    def _grow(self) -> None:
        missing = len(self._rows) - len(self._scalars)
        if missing <= 0:
            return
        room = max(missing, len(self._scalars))  # doubles: rows come in one by one
        self._scalars = np.concatenate((self._scalars, np.zeros((room, len(ADDITIVE)), np.int64)))
        self._extremes = np.concatenate((self._extremes, np.tile(np.array([[NO_MIN_US, -1]]), (room, 1))))
        self._last_offset = np.concatenate((self._last_offset, np.full(room, -1)))

    def _include(self, counts: Counts) -> None:
        own = np.arange(len(counts.rows))
        for chosen, target in ((own, counts.rows), *self._rows.lineage(counts.rows)):
            np.add.at(self._scalars, target, counts.scalars[chosen])
            np.minimum.at(self._extremes[:, 0], target, counts.extremes[chosen, 0])
            np.maximum.at(self._extremes[:, 1], target, counts.extremes[chosen, 1])
            np.maximum.at(self._last_offset, target, counts.last_offset[chosen])
            self._changed.update(self._rows.part_of[row] for row in np.unique(target))
        self._latency = self._with_rollups(self._latency, counts.latency, HIST_BITS)
        self._status = self._with_rollups(self._status, counts.status, STATUS_BITS)

    def _with_rollups(self, known: Sparse, added: Sparse, bits: int) -> Sparse:
        if not added.codes.size:
            return known
        column = added.codes & ((1 << bits) - 1)
        above = [
            Sparse(target << bits | column[chosen], added.counts[chosen])
            for chosen, target in self._rows.lineage(added.codes >> bits)
        ]
        return sparse.merge(known, added, *above)

    def _split(self, wanted: list[tuple[int, int]], *, everything: bool) -> Iterator[PartSnapshot]:
        members: dict[tuple[int, int], list[int]] = {home: [] for home in wanted}
        for row, home in enumerate(self._rows.part_of):
            if home in members:
                members[home].append(row)
        place = np.full(len(self._rows), -1)  # where a row stands when the wanted parts are laid end to end
        order = [row for home in wanted for row in members[home]]
        place[order] = np.arange(len(order))
        latency = _laid_out(self._latency, HIST_BITS, place, len(order))
        status = _laid_out(self._status, STATUS_BITS, place, len(order))
        begin = 0
        for shard, part in wanted:
            rows = members[shard, part]
            here = slice(begin, begin + len(rows))
            block = self._block(rows, latency.cut(here), status.cut(here))
            examples = self._examples.of_rows(rows, everything=everything)
            yield PartSnapshot(shard, part, int(self._last_offset[rows].max()), block, examples)
            begin += len(rows)

    def _block(self, rows: list[int], latency: _Ragged, status: _Ragged) -> Block:
        return Block(
            series=[self._rows.series[row] for row in rows],
            scalars=self._scalars[rows],
            extremes=self._extremes[rows],
            hist_len=latency.lengths,
            hist_index=(latency.columns - 1).astype(np.int16),
            hist_count=latency.counts,
            status_len=status.lengths,
            status_code=status.columns.astype(np.uint16),
            status_count=status.counts,
        )


@dataclass(frozen=True, slots=True)
class _Ragged:
    """Rows of differing length, end to end."""

    lengths: Int64s
    columns: Int64s
    counts: Int64s

    def cut(self, rows: slice) -> _Ragged:
        begin = int(self.lengths[: rows.start].sum())
        end = begin + int(self.lengths[rows].sum())
        return _Ragged(self.lengths[rows], self.columns[begin:end], self.counts[begin:end])


def _laid_out(counts: Sparse, bits: int, place: npt.NDArray[np.int64], rows: int) -> _Ragged:
    where = place[counts.codes >> bits]
    chosen = np.flatnonzero(where >= 0)
    # Codes ascend within a row, and a stable sort keeps them so.
    chosen = chosen[np.argsort(where[chosen], kind="stable")]
    return _Ragged(
        np.bincount(where[chosen], minlength=rows), counts.codes[chosen] & ((1 << bits) - 1), counts.counts[chosen]
    )
