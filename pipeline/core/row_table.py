"""Which row of the windows a series has. Rows are used again when a series has left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from pipeline.core.block import Int64s
from pipeline.core.series import Series

NEVER_MS = np.iinfo(np.int64).min


class RowTable:
    """Rows by series, with the start of the newest pane that each was seen in (NEVER_MS before that)."""

    def __init__(self) -> None:
        self._row_of: dict[Series, int] = {}
        self._free: list[int] = []
        self._newest_ms: Int64s = np.full(16, NEVER_MS, np.int64)

    def __len__(self) -> int:
        """How many series have a row."""
        return len(self._row_of)

    def of(self, names: Iterable[Series]) -> Int64s:
        """Return the row of each series; one without gets a row."""
        return np.array([self._row_of[name] if name in self._row_of else self._give(name) for name in names], np.int64)

    def touch(self, rows: Int64s, start_ms: int) -> None:
        """Note that the rows were seen in a pane."""
        self._newest_ms[rows] = np.maximum(self._newest_ms[rows], start_ms)

    def newest_ms(self, rows: Int64s) -> Int64s:
        """Start of the newest pane of each row."""
        return self._newest_ms[rows]

    def since(self, start_ms: int) -> list[Series]:
        """Return the series seen in a pane that starts at or after `start_ms`, sorted."""
        return sorted(name for name, row in self._row_of.items() if self._newest_ms[row] >= start_ms)

    def drop_before(self, start_ms: int) -> Iterator[tuple[Series, int]]:
        """Free the rows not seen since; yield each series with the start of its newest pane (NEVER_MS: in none)."""
        for name, row in list(self._row_of.items()):
            newest_ms = int(self._newest_ms[row])
            if newest_ms < start_ms:
                del self._row_of[name]
                self._newest_ms[row] = NEVER_MS
                self._free.append(row)
                yield name, newest_ms

    def _give(self, name: Series) -> int:
        row = self._free.pop() if self._free else len(self._row_of)
        if row >= self._newest_ms.size:
            self._newest_ms = np.concatenate((self._newest_ms, np.full(self._newest_ms.size, NEVER_MS, np.int64)))
        self._row_of[name] = row
        return row
