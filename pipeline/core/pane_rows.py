"""Which series have a row in a pane, their roll-ups, and the cap on how many there may be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.core.records import PART_SERIES
from pipeline.core.series import OVERFLOW, Series, shard_of

Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SeriesLimits:
    """How many series one source partition may bring to one pane, and over how many shards they are spread."""

    shards: int
    operations: int
    services: int


class PaneRows:
    """Rows of one pane in order of first event, so that a replay gives every series the same shard, part and fate.

    Beyond the cap an operation counts in its service's overflow series, a service in the one for all the rest.
    """

    def __init__(self, limits: SeriesLimits) -> None:
        self.series: list[Series] = []
        self.service_row: list[int] = []  # row of the roll-up over the service; -1: none above
        self.overall_row: list[int] = []
        self.part_of: list[tuple[int, int]] = []  # (shard, part)
        self._limits = limits
        self._row_of: dict[Series, int] = {}
        self._by_number = np.empty(0, np.int64)  # row by number of the aggregator's series table
        self._in_shard = [0] * limits.shards
        self._operations = 0
        self._services: set[tuple[str, str]] = set()

    def __len__(self) -> int:
        """How many rows there are, roll-ups included."""
        return len(self.series)

    def rows_of(self, numbers: npt.NDArray[np.int32], table: list[Series]) -> Int64s:
        """Return the row of each event's series; new series get rows in order of first appearance."""
        if len(self._by_number) < len(table):
            missing = np.full(len(table) - len(self._by_number), -1)
            self._by_number = np.concatenate((self._by_number, missing))
        rows: Int64s = self._by_number[numbers]
        unknown = numbers[rows < 0]
        if unknown.size:
            _, first = np.unique(unknown, return_index=True)
            for number in unknown[np.sort(first)]:
                self._by_number[number] = self._admit(table[number])
            rows = self._by_number[numbers]
        return rows

    def forget_numbers(self) -> None:
        """The series table is about to be cleared: rows stay, numbers are looked up anew."""
        self._by_number = np.empty(0, np.int64)

    def lineage(self, rows: Int64s) -> Iterator[tuple[Int64s, Int64s]]:
        """Yield, for each level of roll-up, (positions in `rows` that have one above, the rows above)."""
        for above in (np.asarray(self.service_row), np.asarray(self.overall_row)):
            target = above[rows]
            chosen = np.flatnonzero(target >= 0)
            yield chosen, target[chosen]

    def _admit(self, series: Series) -> int:
        known = self._row_of.get(series)
        if known is not None:
            return known
        service = (series.environment, series.service)
        if service not in self._services:
            if len(self._services) >= self._limits.services:
                return self._row(Series(OVERFLOW, OVERFLOW, OVERFLOW if series.operation else ""))
            self._services.add(service)
        if series.operation and series.operation != OVERFLOW:
            if self._operations >= self._limits.operations:
                return self._row(Series(*service, OVERFLOW))
            self._operations += 1
        return self._row(series)

    def _row(self, series: Series) -> int:
        known = self._row_of.get(series)
        if known is not None:
            return known
        overall = -1 if not series.service else self._row(Series(series.environment, "", ""))
        service = -1 if not series.operation else self._row(Series(series.environment, series.service, ""))
        row = self._row_of[series] = len(self.series)
        shard = shard_of(series, self._limits.shards)
        self.series.append(series)
        self.service_row.append(service)
        self.overall_row.append(overall)
        self.part_of.append((shard, self._in_shard[shard] // PART_SERIES))
        self._in_shard[shard] += 1
        return row
