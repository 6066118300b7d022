"""What cannot be summed over a window: calls, least and greatest latency of every series, pane by pane."""

from __future__ import annotations

import numpy as np

from pipeline.core.block import NO_MIN_US, Int64s
from pipeline.core.merge import no_extremes, widen
from pipeline.core.pane_store import PaneStore, Share
from pipeline.core.sums import capacity_for


class PaneRing:
    """Three int64 arrays (rows, panes): the panes of the longest window that ends at `end_ms`. 24 bytes a cell."""

    def __init__(self, panes: int, pane_ms: int, end_ms: int) -> None:
        self.end_ms = end_ms
        self.length_ms = panes * pane_ms
        self._panes = panes
        self._pane_ms = pane_ms
        self._calls: Int64s = np.zeros((0, panes), np.int64)
        self._extremes: Int64s = np.zeros((0, 2, panes), np.int64)

    def copy(self) -> PaneRing:
        """Return a ring of its own with the same values."""
        twin = PaneRing(self._panes, self._pane_ms, self.end_ms)
        twin._calls, twin._extremes = self._calls.copy(), self._extremes.copy()
        return twin

    def advance(self, end_ms: int, store: PaneStore) -> None:
        """Move to the longest window that ends at `end_ms`, earlier or later."""
        first_ms, end_before_ms = end_ms - self.length_ms, self.end_ms
        self.end_ms = end_ms
        if end_ms >= end_before_ms:
            gap = (max(end_before_ms, first_ms), end_ms)
        else:
            gap = (first_ms, min(end_before_ms - self.length_ms, end_ms))
        for start_ms in range(*gap, self._pane_ms):
            self.put(start_ms, [])
        for start_ms in store.starts(*gap):
            self.put(start_ms, store.shares(start_ms))

    def put(self, start_ms: int, shares: list[Share]) -> None:
        """Set one pane's column; a pane outside the window is passed over."""
        if not self.end_ms - self.length_ms <= start_ms < self.end_ms:
            return
        column = start_ms // self._pane_ms % self._panes
        self._reserve(max((int(share.rows.max()) + 1 for share in shares if share.rows.size), default=0))
        calls, extremes = np.zeros(len(self._calls), np.int64), no_extremes(len(self._calls))
        for share in shares:
            np.add.at(calls, share.rows, share.calls)
            widen(extremes, share.rows, share.extremes)
        self._calls[:, column], self._extremes[:, :, column] = calls, extremes

    def calls(self, rows: Int64s, panes: int) -> Int64s:
        """Calls in each of the newest panes, oldest first, shape (rows, panes)."""
        self._reserve(int(rows.max(initial=-1)) + 1)
        return self._calls[rows[:, None], self._columns(panes)]

    def extremes(self, rows: Int64s, panes: int) -> tuple[Int64s, Int64s]:
        """Least and greatest latency over the newest panes, shape (rows,) each; NO_MIN_US and -1 without any."""
        self._reserve(int(rows.max(initial=-1)) + 1)
        columns = self._columns(panes)
        least = self._extremes[rows[:, None], 0, columns].min(axis=1)
        return least, self._extremes[rows[:, None], 1, columns].max(axis=1)

    def _columns(self, panes: int) -> Int64s:
        return (self.end_ms // self._pane_ms - panes + np.arange(panes)) % self._panes

    def _reserve(self, rows: int) -> None:
        held = len(self._calls)
        if rows > held:
            more = capacity_for(rows, held) - held
            self._calls = np.concatenate((self._calls, np.zeros((more, self._panes), np.int64)))
            empty = np.empty((more, 2, self._panes), np.int64)
            empty[:, 0], empty[:, 1] = NO_MIN_US, -1
            self._extremes = np.concatenate((self._extremes, empty))
