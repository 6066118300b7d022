"""Sliding windows as running sums: panes that enter are added, panes that leave subtracted; whole numbers, no drift."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pipeline.core.ahead import Ahead
from pipeline.core.block import Int64s
from pipeline.core.pane_ring import PaneRing
from pipeline.core.pane_store import PaneStore, Share
from pipeline.core.step_view import WindowColumns
from pipeline.core.sums import StatusColumns, Sums


class RunningSum:
    """The sum of all panes in `[end_ms - size_ms, end_ms)`."""

    def __init__(self, size_ms: int, end_ms: int, sums: Sums) -> None:
        self.size_ms = size_ms
        self.end_ms = end_ms
        self.sums = sums

    def copy(self) -> RunningSum:
        """Return a sum of its own with the same values."""
        return RunningSum(self.size_ms, self.end_ms, self.sums.copy())

    def holds(self, start_ms: int) -> bool:
        """Whether the pane that starts there is in the window."""
        return self.end_ms - self.size_ms <= start_ms < self.end_ms

    def advance(self, end_ms: int, store: PaneStore) -> None:
        """Move the window to end at `end_ms`, earlier or later: what leaves out, what enters in."""
        before, after = (self.end_ms - self.size_ms, self.end_ms), (end_ms - self.size_ms, end_ms)
        for start_ms in _starts_without(before, after, store):
            self._add(store.shares(start_ms), -1)
        for start_ms in _starts_without(after, before, store):
            self._add(store.shares(start_ms), 1)
        self.end_ms = end_ms

    def _add(self, shares: list[Share], sign: int) -> None:
        for share in shares:
            share.add_to(self.sums, sign)


class Windows:
    """Every window of one shard, ending at `end_ms`; and, by the way, at any other step.

    What another step needs is kept until anything changes. Steps ahead are worked out for the rows that are asked for;
    those behind on copies: looking at several one after the other moves them pane by pane.
    """

    def __init__(self, sizes_ms: Mapping[str, int], pane_ms: int, end_ms: int, store: PaneStore) -> None:
        self.end_ms = end_ms
        self._pane_ms = pane_ms
        self._store = store
        self._status = store.columns
        self._running = {name: RunningSum(size, end_ms, Sums(self._status)) for name, size in sizes_ms.items()}
        self._ring = PaneRing(max(sizes_ms.values()) // pane_ms, pane_ms, end_ms)
        self._aside: dict[str, RunningSum] = {}
        self._ring_aside: PaneRing | None = None
        self._ahead: Ahead | None = None

    def advance(self, end_ms: int) -> None:
        """Move all windows to end at `end_ms`."""
        for running in self._running.values():
            running.advance(end_ms, self._store)
        self._ring.advance(end_ms, self._store)
        self.end_ms = end_ms
        self.changed()

    def fill(self) -> None:
        """Add every pane that the store knows; once, to windows that are empty still."""
        for start_ms in self._store.starts(self.end_ms - self._ring.length_ms, self.end_ms):
            shares = self._store.shares(start_ms)
            self._ring.put(start_ms, shares)
            for running in self._running.values():
                if running.holds(start_ms):
                    for share in shares:
                        share.add_to(running.sums, 1)

    def correct(self, start_ms: int, out: list[Share], into: list[Share]) -> None:
        """Replace some shares of a pane in every window that holds it by others."""
        for running in self._running.values():
            if running.holds(start_ms):
                for share in out:
                    share.add_to(running.sums, -1)
                for share in into:
                    share.add_to(running.sums, 1)
        self._ring.put(start_ms, self._store.slot_shares(start_ms))
        self.changed()

    def changed(self) -> None:
        """A pane has changed: forget what was worked out for other steps."""
        self._aside.clear()
        self._ring_aside = None
        self._ahead = None

    def columns(self, name: str, end_ms: int, rows: Int64s) -> WindowColumns:
        """Return the sums of some rows over one window that ends at `end_ms`, in arrays of their own."""
        size_ms, ring = self._running[name].size_ms, self._ring_at(end_ms)
        sums, panes = self._sums(name, end_ms, rows), size_ms // self._pane_ms
        least, greatest = ring.extremes(rows, panes)
        calls, half = ring.calls(rows, panes), panes // 2
        codes, status = _by_code(self._status, sums.status[:-1])
        return WindowColumns(
            start_ms=end_ms - size_ms,
            end_ms=end_ms,
            scalars=sums.scalars[:-1],
            hist=sums.buckets.dense(rows.size),
            min_us=least,
            max_us=greatest,
            calls_newer=calls[:, panes - half :].sum(axis=1),
            calls_older=calls[:, :half].sum(axis=1),
            status_codes=codes,
            status_calls=status,
        )

    def _sums(self, name: str, end_ms: int, rows: Int64s) -> Sums:
        """Return the sums of some rows of a window, and one row more."""
        stands = self._running[name]
        stands.sums.reserve(int(rows.max(initial=-1)) + 1)
        if self.end_ms < end_ms < self.end_ms + stands.size_ms:
            return self._ahead_at(end_ms, rows).of(stands.sums, self.end_ms, stands.size_ms)
        sums = self._at(name, end_ms).sums
        sums.reserve(int(rows.max(initial=-1)) + 1)
        return sums.taken(rows)

    def _ahead_at(self, end_ms: int, rows: Int64s) -> Ahead:
        if self._ahead is None or self._ahead.end_ms != end_ms or self._ahead.rows is not rows:
            self._ahead = Ahead(self._store, self._status, self.end_ms, end_ms, rows)
        return self._ahead

    def _at(self, name: str, end_ms: int) -> RunningSum:
        if end_ms == self.end_ms:
            return self._running[name]
        aside = self._aside.get(name)
        if aside is None:
            aside = self._aside[name] = self._running[name].copy()
        aside.advance(end_ms, self._store)
        return aside

    def _ring_at(self, end_ms: int) -> PaneRing:
        if end_ms == self.end_ms:
            return self._ring
        if self._ring_aside is None:
            self._ring_aside = self._ring.copy()
        self._ring_aside.advance(end_ms, self._store)
        return self._ring_aside


def _starts_without(these: tuple[int, int], those: tuple[int, int], store: PaneStore) -> list[int]:
    """Starts of panes in the one interval and not in the other, both of one length."""
    if these[0] <= those[0]:
        return store.starts(these[0], min(these[1], those[0]))
    return store.starts(max(these[0], those[1]), these[1])


def _by_code(status: StatusColumns, calls: Int64s) -> tuple[Int64s, Int64s]:
    codes = np.array(status.codes, np.int64)
    used = np.flatnonzero(calls.any(axis=0))
    used = used[np.argsort(codes[used])]
    return codes[used], calls[:, used]
