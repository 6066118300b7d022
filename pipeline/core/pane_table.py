"""Closed panes as records in memory: the table of an engine that needs no other."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.core.closed_pane import ClosedKey, ClosedPane


class PaneTable:
    """Records under zstd, by the start of their pane."""

    def __init__(self) -> None:
        self._records: dict[int, dict[ClosedKey, bytes]] = {}

    def put(self, pane: ClosedPane) -> None:
        """Keep a pane."""
        self._records.setdefault(pane.start_ms, {}).update(pane.records())

    def delete(self, keys: Iterable[ClosedKey]) -> None:
        """Delete records."""
        for key in keys:
            here = self._records[key.pane_start_ms]
            del here[key]
            if not here:
                del self._records[key.pane_start_ms]

    def fetch(self, start_ms: int) -> list[bytes]:
        """Return the records of a pane; none where there was no event."""
        return list(self._records.get(start_ms, {}).values())
