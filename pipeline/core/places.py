"""The series cap of a shard: who has a row of their own in the windows, and who counts in an overflow series.

Decided pane by pane in order of event time, so it depends on what the panes hold and not on when it came: series that
have a place keep it as long as an event of theirs is in the longest window; new ones get one in order of their names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from pipeline.core.series import OVERFLOW, Series


class Places:
    """At most `limit` operation series of one shard live at once; roll-ups and overflow series always have a place.

    (Those are few: phase 1 caps the services.) The overflow series carries the shard as a dimension, since the series
    of one service lie in many shards and each shard writes its own.
    """

    def __init__(self, limit: int, shard: int, longest_ms: int, pane_ms: int) -> None:
        self._limit = limit
        self._shard = shard
        self._horizon_ms = longest_ms - pane_ms
        self._last: dict[Series, int] = {}
        self._open: Counter[Series] = Counter()

    def opened(self, names: Iterable[Series]) -> None:
        """Note series that appeared in an open pane."""
        self._open.update(name for name in names if _capped(name))

    def close(self, start_ms: int, names: Sequence[Series]) -> dict[Series, Series]:
        """Return the renames of a pane that is being closed, and let it count from now on; panes ascending."""
        for name in names:
            if _capped(name):
                self._open[name] -= 1
                if not self._open[name]:
                    del self._open[name]
        return self._assign(self._last, start_ms, names)

    def restored(self, start_ms: int, names: Iterable[Series]) -> None:
        """Let a closed pane from the table count: its names are those after renaming; panes ascending."""
        self._last.update((name, start_ms) for name in names if _capped(name))

    def crowded(self) -> bool:
        """Whether the cap may bind; while it can't, no pane has renames."""
        return len(self._last) + len(self._open) > self._limit

    def renames(self, panes: Iterable[tuple[int, Sequence[Series]]]) -> dict[int, dict[Series, Series]]:
        """Return what closing the open panes in this order (ascending) would rename, by pane start."""
        if not self.crowded():
            return {}
        last = dict(self._last)
        return {start_ms: self._assign(last, start_ms, names) for start_ms, names in panes}

    def _assign(self, last: dict[Series, int], start_ms: int, names: Sequence[Series]) -> dict[Series, Series]:
        for name in [name for name, seen_ms in last.items() if seen_ms < start_ms - self._horizon_ms]:
            del last[name]
        here = [name for name in names if _capped(name)]
        fresh = sorted(name for name in here if name not in last)
        room = max(self._limit - len(last), 0)
        last.update((name, start_ms) for name in here if name in last)
        last.update((name, start_ms) for name in fresh[:room])
        return {name: self._overflow(name) for name in fresh[room:]}

    def _overflow(self, name: Series) -> Series:
        return Series(name.environment, name.service, OVERFLOW, f"shard={self._shard}")


def _capped(name: Series) -> bool:
    return name.operation not in ("", OVERFLOW)
