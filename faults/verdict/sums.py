"""Sums by whole-number keys: the accounts that everything is folded into, and how two of them are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]

LINEAR = (
    *("events", "calls", "failures", "client_errors", "timeouts", "cancelled"),
    *("error_events", "errors_warning", "errors_error", "errors_critical"),
    *("latency_sum_us", "latency_clamped", "buckets", "statuses"),
)
"""Columns that add up; the last two are fingerprints of the bucket vector and of the calls by status code."""

AT = {name: place for place, name in enumerate((*LINEAR, "latency_min_us", "latency_max_us"))}
WIDTH = len(LINEAR)
NO_EXTREMES = (np.iinfo(np.int64).max, -1)

_PANE_BITS, _SERIES_BITS = 32, 20
SERIES_MAX = 1 << _SERIES_BITS
ALL_SOURCES = 2**10 - 1


def slot_codes(source: Int64s | int, pane: Int64s, series: Int64s) -> Int64s:
    """Return one whole number for (number of the source, number of the pane, number of the series)."""
    upper = np.asarray(source, np.int64) << (_PANE_BITS + _SERIES_BITS)
    return np.asarray(upper | pane << _SERIES_BITS | series, np.int64)


def parts_of(codes: Int64s) -> tuple[Int64s, Int64s, Int64s]:
    """Return source, pane and series of slot codes."""
    return (
        codes >> (_PANE_BITS + _SERIES_BITS),
        (codes >> _SERIES_BITS) & ((1 << _PANE_BITS) - 1),
        codes & (SERIES_MAX - 1),
    )


def parts_of_one(code: int) -> tuple[int, int, int]:
    """Return the same of one code."""
    pane = (code >> _SERIES_BITS) & ((1 << _PANE_BITS) - 1)
    return code >> (_PANE_BITS + _SERIES_BITS), pane, code & (SERIES_MAX - 1)


@dataclass(frozen=True, slots=True)
class Table:
    """Sums by code, ascending: `linear` (n, columns), and `extremes` (n, 2) where there are any to keep."""

    codes: Int64s
    linear: Int64s
    extremes: Int64s

    def __len__(self) -> int:
        return len(self.codes)

    def grouped(self, codes: Int64s) -> Table:
        """Return the rows added up under other codes, one for each row."""
        return summed(codes, self.linear, self.extremes)

    def only(self, chosen: npt.NDArray[np.bool_]) -> Table:
        """Return the chosen rows."""
        return Table(self.codes[chosen], self.linear[chosen], self.extremes[chosen])

    def total(self, column: str) -> int:
        """Return the sum of a column."""
        return int(self.linear[:, AT[column]].sum())


def empty(width: int = WIDTH) -> Table:
    """Return a table of no rows."""
    return Table(np.zeros(0, np.int64), np.zeros((0, width), np.int64), np.zeros((0, 2), np.int64))


def joined(*tables: Table) -> Table:
    """Return the sum of tables."""
    return summed(
        np.concatenate([table.codes for table in tables]),
        np.concatenate([table.linear for table in tables]),
        np.concatenate([table.extremes for table in tables]),
    )


def summed(codes: Int64s, linear: Int64s, extremes: Int64s) -> Table:
    """Return rows added up by code. Sums of fingerprints wrap around, as they must."""
    if not len(codes):
        return Table(codes, linear, extremes)
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    least = np.minimum.reduceat(extremes[order, 0], starts)
    greatest = np.maximum.reduceat(extremes[order, 1], starts)
    return Table(ordered[starts], np.add.reduceat(linear[order], starts, axis=0), np.column_stack((least, greatest)))


class Sums:
    """Running sums by code; memory grows with the number of codes alone."""

    def __init__(self, width: int = WIDTH) -> None:
        self._row_of: dict[int, int] = {}
        self._linear = np.zeros((1024, width), np.int64)
        self._extremes = np.tile(np.array([NO_EXTREMES]), (1024, 1))

    def __len__(self) -> int:
        return len(self._row_of)

    def add(self, codes: Int64s, linear: Int64s, extremes: Int64s | None = None) -> None:
        """Add rows; `extremes` may be left out where none are kept."""
        if not len(codes):
            return
        if extremes is None:
            extremes = np.tile(np.array([NO_EXTREMES]), (len(codes), 1))
        added = summed(codes, linear, extremes)
        known = self._row_of
        rows = np.array([known.setdefault(code, len(known)) for code in added.codes.tolist()], np.int64)
        self._grow()
        self._linear[rows] += added.linear
        self._extremes[rows, 0] = np.minimum(self._extremes[rows, 0], added.extremes[:, 0])
        self._extremes[rows, 1] = np.maximum(self._extremes[rows, 1], added.extremes[:, 1])

    def table(self) -> Table:
        """Return the sums so far."""
        codes = np.fromiter(self._row_of, np.int64, len(self._row_of))
        order = np.argsort(codes)
        return Table(codes[order], self._linear[: len(codes)][order], self._extremes[: len(codes)][order])

    def __getstate__(self) -> tuple[Table]:
        return (self.table(),)

    def __setstate__(self, state: tuple[Table]) -> None:
        (table,) = state
        self._row_of = {code: row for row, code in enumerate(table.codes.tolist())}
        self._linear, self._extremes = table.linear, table.extremes

    def _grow(self) -> None:
        while len(self._row_of) > len(self._linear):
            self._linear = np.concatenate((self._linear, np.zeros_like(self._linear)))
            self._extremes = np.concatenate(
                (self._extremes, np.tile(np.array([NO_EXTREMES]), (len(self._extremes), 1)))
            )


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure in which two tables differ; `expected` or `found` is None where the whole row is not there."""

    code: int
    column: str
    expected: int | None
    found: int | None


def differences(expected: Table, found: Table, columns: Sequence[str] = tuple(AT)) -> list[Cell]:
    """Return every cell in which the tables differ; one for a row that only one of them has.

    `columns` names the first columns of both, `linear` and `extremes` side by side; the others are not compared.
    """
    cells = [Cell(code, columns[0], _size(expected, row), None) for row, code in _without(expected, found)]
    cells += [Cell(code, columns[0], None, _size(found, row)) for row, code in _without(found, expected)]
    _, left, right = np.intersect1d(expected.codes, found.codes, assume_unique=True, return_indices=True)
    ours = np.concatenate((expected.linear[left], expected.extremes[left]), axis=1)[:, : len(columns)]
    theirs = np.concatenate((found.linear[right], found.extremes[right]), axis=1)[:, : len(columns)]
    for row, place in np.argwhere(ours != theirs):
        code = int(expected.codes[left[row]])
        cells.append(Cell(code, columns[place], int(ours[row, place]), int(theirs[row, place])))
    return sorted(cells, key=lambda cell: cell.code)


def _size(table: Table, row: int) -> int:
    """Return how many events a row counts."""
    errors = int(table.linear[row, AT["error_events"]]) if table.linear.shape[1] == WIDTH else 0
    return int(table.linear[row, AT["events"]]) + errors


def _without(these: Table, those: Table) -> list[tuple[int, int]]:
    rows = np.flatnonzero(~np.isin(these.codes, those.codes, assume_unique=True))
    return [(int(row), int(these.codes[row])) for row in rows]
