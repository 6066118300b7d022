"""Windows at a step ahead of where they stand, as an early look needs them: nothing is moved, little is copied.

All windows there take in the same panes, which are added up once. So each of them costs one copy of the rows that are
asked for, one addition, and the few panes that leave it.
"""

from __future__ import annotations

from pipeline.core.block import Int64s
from pipeline.core.pane_store import PaneStore
from pipeline.core.row_places import RowPlaces
from pipeline.core.sums import StatusColumns, Sums


class Ahead:
    """Some rows of windows that stand at `from_ms`, at the step `end_ms` after it."""

    def __init__(self, store: PaneStore, columns: StatusColumns, from_ms: int, end_ms: int, rows: Int64s) -> None:
        self.end_ms = end_ms
        self.rows = rows
        self._store = store
        self._places = RowPlaces(rows)
        self._entering = Sums(columns)
        self._entering.reserve(rows.size + 1)
        self._add(self._entering, from_ms, end_ms, 1)

    def of(self, sums: Sums, from_ms: int, size_ms: int) -> Sums:
        """Return the sums of the rows, in their order and one row more, of a window that stands at `from_ms`."""
        moved = sums.taken(self.rows)
        moved.add_whole(self._entering)
        self._add(moved, from_ms - size_ms, self.end_ms - size_ms, -1)
        return moved

    def _add(self, sums: Sums, first_ms: int, end_ms: int, sign: int) -> None:
        for start_ms in self._store.starts(first_ms, end_ms):
            for share in self._store.shares(start_ms):
                share.moved(self._places.of(share.rows)).add_to(sums, sign)
