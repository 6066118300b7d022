"""Closing panes of one shard: when, with which series, and when the table may forget them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from pipeline.core.closed_pane import ClosedKey, ClosedPane, decode_closed, whole
from pipeline.core.merge import merge
from pipeline.core.pane_store import PaneStore
from pipeline.core.places import Places
from pipeline.core.records import PART_SERIES
from pipeline.core.series import Series
from pipeline.core.window_config import WindowConfig, WindowState
from pipeline.errors import FatalError

_AT_ONCE = 64


class Closing:
    """What is closed, and what may be.

    A pane may be closed when it is final at every source, its step has been emitted, and that is committed: so a
    restart from the commit never needs a pane as it was before it was final.
    """

    def __init__(self, config: WindowConfig, store: PaneStore) -> None:
        self.frontier_ms: int | None = None
        self._config = config
        self._store = store
        self._places = Places(config.series_limit, config.shard, config.longest_ms, config.pane_ms)
        self._through_ms: int | None = None  # panes up to here are being written
        self._committed: WindowState | None = None
        self._left_over: list[ClosedKey] = []
        self._appeared = False

    def restore(
        self, closed: Mapping[int, Sequence[bytes]], state: WindowState | None
    ) -> Iterator[tuple[int, list[Series]]]:
        """Take over the table; yield each closed pane with its series, ascending.

        A pane with a part missing is the last one, which a crash left half written: it counts as open. Parts of panes
        that have left every window are left over from clearing up.
        """
        self._committed = state
        self.frontier_ms = state.frontier_ms if state else None
        for start_ms in sorted(closed):
            parts = [decode_closed(value) for value in closed[start_ms]]
            if self._has_left(start_ms):
                self._left_over += [ClosedKey(start_ms, self._config.shard, part.part) for part in parts]
            elif whole(parts):
                names = [name for part in parts for name in part.block.series]
                self._store.close(start_ms, len(parts))
                self._places.restored(start_ms, names)
                self._pass(start_ms + self._config.pane_ms)
                yield start_ms, names
            elif self.is_closed(start_ms):
                raise FatalError(
                    f"closed_panes: pane {start_ms} of shard {self._config.shard} has {len(parts)} of {parts[0].parts} "
                    "parts. The table's changelog has lost records: delete it and reset the evaluator's group to the "
                    "beginning of `panes`, or start a new epoch"
                )
            else:
                return

    def is_closed(self, start_ms: int) -> bool:
        """Whether snapshots of a pane come too late: it is closed, or about to be."""
        end_ms = start_ms + self._config.pane_ms
        return any(bound is not None and end_ms <= bound for bound in (self.frontier_ms, self._through_ms))

    def appeared(self, names: Sequence[Series]) -> None:
        """Note series that appeared in an open pane."""
        if names:
            self._places.opened(names)
            self._appeared = True

    def renames(self) -> dict[int, dict[Series, Series]] | None:
        """Return the renames of every open pane by its start; None if nothing can have changed since the last call."""
        if not self._appeared:
            return None
        self._appeared = False
        return self._places.renames((pane.start_ms, pane.series) for pane in self._store.open_ascending())

    def committed(self, state: WindowState) -> None:
        """The shell has committed a state."""
        self._committed = state

    def due(self, closable_ms: int | None, state: WindowState) -> list[ClosedPane]:
        """Return the panes to be closed now, ascending, at most 64; `state` is what would be committed now."""
        committed = self._committed
        if closable_ms is None or state.emitted_ms is None or committed is None:
            return []
        if (committed.emitted_ms, committed.late_rounds) != (state.emitted_ms, state.late_rounds):
            return []
        bound = min(closable_ms, state.emitted_ms)
        starts = [start_ms for start_ms in sorted(self._store.open) if start_ms + self._config.pane_ms <= bound]
        if not starts:
            self._pass(bound)
            return []
        starts = starts[:_AT_ONCE]
        self._through_ms = starts[-1] + self._config.pane_ms
        return [self._merged(start_ms) for start_ms in starts]

    def closed(self, pane: ClosedPane) -> None:
        """The pane is in the table."""
        names = self._store.open[pane.start_ms].series
        self._places.close(pane.start_ms, names)
        self._store.close(pane.start_ms, max(1, -(-pane.block.rows // PART_SERIES)))
        self._pass(pane.start_ms + self._config.pane_ms)

    def expired(self, kept_from_ms: int | None = None) -> list[ClosedKey]:
        """Return the keys of records that no restart needs any more; each once. None from `kept_from_ms` on."""
        bound = math.inf if kept_from_ms is None else kept_from_ms
        keys = [key for key in self._left_over if key.pane_start_ms < bound]
        self._left_over = [key for key in self._left_over if key.pane_start_ms >= bound]
        if self._committed is not None and self._committed.frontier_ms is not None:
            old = self._store.forget_closed(min(self._committed.frontier_ms - self._config.longest_ms, bound))
            keys += [
                ClosedKey(start, self._config.shard, part) for start, parts in old.items() for part in range(parts)
            ]
        return keys

    def _merged(self, start_ms: int) -> ClosedPane:
        pane = self._store.open[start_ms]
        return ClosedPane(start_ms, self._config.shard, merge([block for _, block in pane.slots()], pane.renames))

    def _has_left(self, start_ms: int) -> bool:
        frontier_ms = self._committed.frontier_ms if self._committed else None
        return frontier_ms is not None and start_ms < frontier_ms - self._config.longest_ms

    def _pass(self, end_ms: int) -> None:
        self.frontier_ms = end_ms if self.frontier_ms is None else max(self.frontier_ms, end_ms)
