"""Which records of a table of closed panes are of one shard, by the start of their pane."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from pipeline.evaluator.keys import closed_key_of


class PaneRecords:
    """The records of one shard in a table, bytes by bytes."""

    def __init__(self, shard: int, table: Mapping[bytes, bytes]) -> None:
        self._shard = shard
        self._table = table
        self._keys: dict[int, list[bytes]] = defaultdict(list)

    def find(self) -> dict[int, list[bytes]]:
        """Look through the whole table; return the shard's records by pane start."""
        for key in self._table:
            closed = closed_key_of(key)
            if closed.shard == self._shard:
                self._keys[closed.pane_start_ms].append(key)
        return {start_ms: self.fetch(start_ms) for start_ms in self._keys}

    def starts(self) -> list[int]:
        """Return the starts of the panes that have records, ascending."""
        return sorted(self._keys)

    def wrote(self, keys: Iterable[bytes]) -> None:
        """Note that the table has records under these keys."""
        for key in keys:
            self._keys[closed_key_of(key).pane_start_ms].append(key)

    def deleted(self, keys: Iterable[bytes]) -> None:
        """Note that the table has no record under these keys any more."""
        for key in keys:
            start_ms = closed_key_of(key).pane_start_ms
            self._keys[start_ms].remove(key)
            if not self._keys[start_ms]:
                del self._keys[start_ms]

    def fetch(self, start_ms: int) -> list[bytes]:
        """Return the records of a pane, in any order."""
        return [self._table[key] for key in self._keys.get(start_ms, ())]
