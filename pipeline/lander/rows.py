"""Rows on their way into one table: columns, and which record each row came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.errors import RejectedEvent
from pipeline.lander.records import Record
from pipeline.lander.tables import Table

DAY_MS = 86_400_000
DAYS_PER_INSERT = 100
"""ClickHouse refuses an insert that touches more partitions than this."""

Int64s = npt.NDArray[np.int64]
Column: TypeAlias = Sequence[Any] | npt.NDArray[Any]
"""Values of one column: anything that Arrow reads, an Arrow array too."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a row came from: its record, and its place in the record's array (None: the record as a whole)."""

    record: Record
    index: int | None


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one table, in an order that follows from the records alone.

    `columns` holds, by name, a sequence that Arrow can read; `origin_of(row)` names the record of a row.
    """

    table: Table
    length: int
    columns: dict[str, Column]
    origin_of: Callable[[int], Origin]

    def arrow(self, first: int, end: int) -> pa.Table:
        """Return rows ``[first, end)`` as Arrow; RejectedEvent when a value does not fit its column."""
        try:
            arrays = [_array(self.columns[field.name][first:end], field.type) for field in self.table.schema]
        except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
            raise RejectedEvent(f"a value does not fit table {self.table.name}: {error}") from error
        return pa.Table.from_arrays(arrays, schema=self.table.schema)


@dataclass(frozen=True, slots=True)
class Piece:
    """What one insert takes: frozen, so that a retry sends the same bytes. `row_of[i]` is the row's place in `Rows`."""

    table: pa.Table
    row_of: Int64s

    def __len__(self) -> int:
        return len(self.row_of)

    def slice(self, first: int, end: int) -> Piece:
        """Return a part of it."""
        return Piece(self.table.slice(first, end - first), self.row_of[first:end])

    def take(self, places: Int64s) -> Piece:
        """Return the rows at these places."""
        return Piece(self.table.take(pa.array(places)), self.row_of[places])


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that can't land, and why."""

    row: int
    detail: str


def build(rows: Rows) -> tuple[list[Piece], list[Refusal]]:
    """Return the rows as Arrow, and those whose values don't fit. One piece when all fit; bisected when not."""
    pieces: list[Piece] = []
    refusals: list[Refusal] = []
    todo = [(0, rows.length)] if rows.length else []
    while todo:
        first, end = todo.pop()
        try:
            pieces.append(Piece(rows.arrow(first, end), np.arange(first, end, dtype=np.int64)))
        except RejectedEvent as refused:
            if end - first == 1:
                refusals.append(Refusal(first, refused.reason))
            else:
                middle = (first + end) // 2
                todo += [(middle, end), (first, middle)]
    return pieces, refusals


def split(piece: Piece, day: str, max_rows: int, days: int = DAYS_PER_INSERT) -> Iterator[Piece]:
    """Yield the piece in inserts of at most `max_rows` rows, each of at most `days` daily partitions."""
    day_of = np.asarray(piece.table.column(day).cast(pa.int64()).to_numpy()) // DAY_MS
    seen, number_of = np.unique(day_of, return_inverse=True)
    for first_day in range(0, len(seen), days):
        chosen = (number_of >= first_day) & (number_of < first_day + days)
        part = piece if chosen.all() else piece.take(np.flatnonzero(chosen))
        for first in range(0, len(part), max_rows):
            yield part.slice(first, min(first + max_rows, len(part)))


def _array(values: Column, kind: pa.DataType) -> pa.Array:
    if isinstance(values, pa.Array):
        return values
    if isinstance(values, np.ndarray) and pa.types.is_timestamp(kind):
        return pa.array(values.astype("datetime64[ms]"), kind)
    return pa.array(values, kind)
