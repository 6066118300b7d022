"""Which series a view shows: those in the windows, when each was last seen, what changed, and who has left."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import numpy as np

from pipeline.core.block import Int64s
from pipeline.core.open_panes import OpenPane
from pipeline.core.pane_store import PaneStore
from pipeline.core.row_table import NEVER_MS, RowTable
from pipeline.core.series import Series
from pipeline.core.step_view import Bools, Status
from pipeline.core.window_config import WindowConfig


class LiveSeries:
    """The series of one shard. A series is live from its first event until it has left the longest window."""

    def __init__(self, config: WindowConfig, rows: RowTable, store: PaneStore) -> None:
        self._config = config
        self._rows = rows
        self._store = store
        # By pane: what changed in a pane that a view does not reach is kept for the view that does.
        self._changed: dict[Status, dict[int, set[Series]]] = {"early": {}, "on_time": {}}
        self._seen: dict[Series, int] = {}

    def restore(self, seen: Mapping[Series, int]) -> None:
        """Take over when series that have left had their last event."""
        self._seen = dict(seen)

    def note_changed(self, start_ms: int, names: Collection[Series]) -> None:
        """A snapshot changed these in the pane that starts there."""
        for changed in self._changed.values():
            changed.setdefault(start_ms, set()).update(names)

    def take_changed(self, names: list[Series], end_ms: int, status: Status) -> Bools:
        """Return which of the series changed before `end_ms` since the last call for the status.

        Late: all that are asked for.
        """
        by_pane = self._changed.get(status)
        if by_pane is None:
            return np.ones(len(names), np.bool_)
        reached = [by_pane.pop(start_ms) for start_ms in list(by_pane) if start_ms < end_ms]
        changed = set().union(*reached)
        return np.array([name in changed for name in names], np.bool_)

    def entered(self, pane: OpenPane) -> None:
        """The windows hold the pane, or another snapshot of it, from now on."""
        self._rows.touch(self._store.rows_of(pane, pane.series), pane.start_ms)

    def at(self, end_ms: int, base_ms: int) -> list[Series]:
        """Return the series of the step, sorted: with an event in the longest window or in the pane before it.

        (In that pane: their windows are all zero, which is still to be told.) The windows stand at `base_ms`.
        """
        names = set(self._rows.since(end_ms - self._config.longest_ms - self._config.pane_ms))
        for pane in self._front(end_ms, base_ms):
            names.update(pane.counted_as(pane.series))
        return sorted(names)

    def last_event_ms(self, names: list[Series], rows: Int64s, end_ms: int, base_ms: int) -> Int64s:
        """Return the end of the newest pane before `end_ms` with an event of each series."""
        newest_ms = self._rows.newest_ms(rows)
        place = {name: at for at, name in enumerate(names)}
        for pane in self._front(end_ms, base_ms):
            newest_ms[[place[name] for name in pane.counted_as(pane.series)]] = pane.start_ms
        return newest_ms + self._config.pane_ms

    def seen_without(self, names: list[Series]) -> Mapping[Series, int]:
        """Return when the series that have left had their last event, but for those in `names`."""
        again = self._seen.keys() & names
        return {name: at_ms for name, at_ms in self._seen.items() if name not in again} if again else self._seen

    def forget(self, end_ms: int) -> None:
        """Drop the rows that were zero in the step just emitted; remember their series for `seen_ms`."""
        for name, newest_ms in self._rows.drop_before(end_ms - self._config.longest_ms):
            if newest_ms != NEVER_MS:
                self._seen[name] = max(newest_ms + self._config.pane_ms, self._seen.get(name, NEVER_MS))
        since_ms = end_ms - self._config.seen_ms
        self._seen = {name: at_ms for name, at_ms in self._seen.items() if at_ms >= since_ms}

    def _front(self, end_ms: int, base_ms: int) -> Iterator[OpenPane]:
        """Yield the panes before `end_ms` that are not in the windows yet, ascending."""
        return (self._store.open[start_ms] for start_ms in self._store.starts(base_ms, end_ms))
