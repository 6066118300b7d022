"""The window engine of one shard: snapshots and marks in; steps to emit, views of them, and panes to close, out.

Deterministic: what is emitted, and under which revision, depends on the records of the `panes` partition and their
order alone, as long as the shell does this for every record and before the next one::

    on_snapshot | on_marks
    for end_ms in due_steps():  view(end_ms, "on_time") → write → emitted(view)
    for end_ms in late_steps(): view(end_ms, "late")    → write → emitted(view)

and at any time: view(early_end(), "early"); commit_state() → commit → committed(state); then close_due(now_ms) → write
to the table → closed(pane); expired() → tombstones. A restart from any such commit emits the same again, or goes on
where the last run stood.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from pipeline.core.block import Block
from pipeline.core.closed_pane import ClosedKey, ClosedPane
from pipeline.core.closing import Closing
from pipeline.core.frontier import Frontier
from pipeline.core.late_steps import LateSteps
from pipeline.core.live_series import LiveSeries
from pipeline.core.open_panes import Change, OpenPane
from pipeline.core.pane_store import Fetch, PaneStore, Share
from pipeline.core.records import Marks, Snapshot
from pipeline.core.row_table import NEVER_MS, RowTable
from pipeline.core.series import Series
from pipeline.core.step_view import Int64s, Status, StepView, WindowColumns
from pipeline.core.steps import Steps
from pipeline.core.sums import StatusColumns
from pipeline.core.window_config import WindowConfig, WindowState
from pipeline.core.windows import Windows


class WindowEngine:
    """All windows of one shard. `fetch` returns the table's records of a closed pane (those of `closed`, in any order).

    Costs, with 125 series: a snapshot about 0.2 ms, a step about 10 ms. Memory: two to four dense copies of each window
    (8 KiB a series and window), one or two of the newest panes, and the open panes' newest snapshots as they came.

    Counters for the shell's metrics: `behind_frontier` (snapshots of panes closed before: a source that was released
    as idle, or a restart that reads the tail again), `other_pane_length` (snapshots made under another `pane_seconds`).
    """

    def __init__(self, config: WindowConfig, fetch: Fetch) -> None:
        self.behind_frontier = 0
        self.other_pane_length = 0
        self.position = 0
        self._config = config
        self.frontier = Frontier(close_grace_ms=config.close_grace_ms, idle_lag_release_ms=config.idle_lag_release_ms)
        self._rows = RowTable()
        self._store = PaneStore(StatusColumns(), self._rows, fetch)
        self._live = LiveSeries(config, self._rows, self._store)
        self._closing = Closing(config, self._store)
        self._late = LateSteps(config.pane_ms, config.longest_ms)
        self.steps = Steps(config, self._store, self._live, self._late)
        self._changes = 0

    # ---- records in

    def set_sources(self, expected: Collection[str]) -> None:
        """Name all source partitions ("topic-partition" of every topic of events); each holds back until heard."""
        self.frontier.set_sources(expected)

    def on_marks(self, marks: Marks, offset: int) -> None:
        """Take in marks; `offset` is theirs in the `panes` partition."""
        self.position = max(self.position, offset + 1)
        self.frontier.on_marks(marks, offset)

    def on_snapshot(self, snapshot: Snapshot, offset: int) -> None:
        """Take in a snapshot; it counts if it is newer than its source's last one and its pane is still open.

        ValueError for a snapshot of another shard.
        """
        if snapshot.shard != self._config.shard:
            shard = self._config.shard
            raise ValueError(f"snapshot of shard {snapshot.shard} at offset {offset} given to shard {shard}")
        self.position = max(self.position, offset + 1)
        if snapshot.pane_ms != self._config.pane_ms:
            self.other_pane_length += 1
        elif self._closing.is_closed(snapshot.pane_start_ms):
            self.behind_frontier += 1
        else:
            self._apply(snapshot, offset)

    def _apply(self, snapshot: Snapshot, offset: int) -> None:
        pane = self._store.opened(snapshot.pane_start_ms, offset)
        known = len(pane.series)
        change = pane.apply(snapshot, offset)
        self._closing.appeared(pane.series[known:])
        if change is None:
            return
        self._changes += 1
        self._live.note_changed(pane.start_ms, pane.counted_as(change.changed))
        if self.steps.windows is not None:
            self.steps.windows.changed()
            if pane.start_ms < self.steps.windows.end_ms:
                self._correct(self.steps.windows, pane, change, offset)

    def _correct(self, windows: Windows, pane: OpenPane, change: Change, offset: int) -> None:
        """Carry a change of a pane that is in the windows by now into them."""
        out = [self._share(pane, change.old)] if change.old is not None else []
        windows.correct(pane.start_ms, out, [self._share(pane, change.new)])
        self._rename(offset)
        self._live.entered(pane)
        if pane.renames:  # rows given to series that turned out to have no place
            for _ in self._rows.drop_before(NEVER_MS + 1):
                windows.changed()
        self._late.mark(offset, pane.start_ms, windows.end_ms, pane.counted_as(change.changed))

    def _rename(self, offset: int) -> None:
        """Bring the names that open panes are counted under up to date with the series cap."""
        renames = self._closing.renames()
        if renames is None:
            return
        for pane in self._store.open_ascending():
            to = renames.get(pane.start_ms, {})
            if to != pane.renames:
                self._move(pane, to, offset)

    def _move(self, pane: OpenPane, renames: dict[Series, Series], offset: int) -> None:
        windows = self.steps.windows
        if windows is None or pane.start_ms >= windows.end_ms:
            pane.renames = renames
            return
        moved = pane.renames.items() ^ renames.items()
        out = self._store.shares(pane.start_ms)
        pane.renames = renames
        into = self._store.shares(pane.start_ms)
        windows.correct(pane.start_ms, out, into)
        self._changes += 1
        self._live.entered(pane)
        self._late.mark(offset, pane.start_ms, windows.end_ms, {name for pair in moved for name in pair})

    def _share(self, pane: OpenPane, block: Block) -> Share:
        return Share(self._store.rows_of(pane, block.series), block, block.extremes)

    # ---- steps out

    @property
    def watermark_ms(self) -> int | None:
        """Event time up to which everything has come, but for late events; None before there is one."""
        return self.frontier.watermark_ms

    def due_steps(self) -> Iterator[int]:
        """Yield the end of each step that the watermark has passed, ascending; each must be emitted before the next.

        Spans in which no window holds anything are jumped over.
        """
        while (end_ms := self.steps.next_ms(self.frontier.watermark_ms)) is not None:
            yield end_ms
            if self.steps.emitted_ms != end_ms:
                return

    def late_steps(self) -> Iterator[int]:
        """Yield the end of each step that late events have changed since it was emitted; each must be emitted.

        All of them together, once for each time that steps came due: at most a pane's length later.
        """
        yield from self._late.begin()

    def early_end(self) -> int | None:
        """Return the step to look at early: the end of the pane that the newest events fall into.

        None before the first step, and while the watermark is too far behind the newest source.
        """
        greatest_ms, watermark_ms = self.frontier.greatest_ms, self.frontier.watermark_ms
        if greatest_ms is None or watermark_ms is None or self.steps.emitted_ms is None:
            return None
        pane_ms = self._config.pane_ms
        end_ms = (greatest_ms + self._config.out_of_orderness_ms) // pane_ms * pane_ms + pane_ms
        return max(end_ms, self.steps.emitted_ms) if greatest_ms - watermark_ms <= self._config.early_lag_ms else None

    def view(self, end_ms: int, status: Status) -> StepView:
        """Return every window at the end of a step, exactly, over what has come so far.

        On time: moves the windows on to the step, so only a step from `due_steps` will do. Early and late: any step;
        each costs about as much as the panes between it and the last step on time.
        """
        windows = self.steps.windows
        if windows is None or end_ms % self._config.pane_ms:
            raise ValueError(f"no step ends at {end_ms}: {'nothing has come yet' if windows is None else 'not a pane'}")
        self._rename(self.position)
        if status == "on_time":
            self._advance(windows, end_ms)
        names = self._late.names(end_ms) if status == "late" else self._live.at(end_ms, windows.end_ms)
        rows = self._rows.of(names)
        return StepView(
            series=names,
            end_ms=end_ms,
            watermark_ms=self.frontier.watermark_ms,
            status=status,
            revision=self._late.rounds if status == "late" else 0,
            changed=self._live.take_changed(names, end_ms, status),
            last_event_ms=self._live.last_event_ms(names, rows, end_ms, windows.end_ms),
            seen=self._live.seen_without(names),
            window_names=tuple(self._config.windows),
            compute=self._columns(windows, end_ms, rows),
            completeness=self.frontier.completeness(end_ms),
        )

    def emitted(self, view: StepView) -> None:
        """The records of a view on time, or late, are written: go on."""
        if view.status == "late":
            self._late.emitted(view.end_ms)
        elif view.status == "on_time":
            self.steps.emitted(view.end_ms)

    def _advance(self, windows: Windows, end_ms: int) -> None:
        if end_ms < windows.end_ms:
            raise ValueError(f"step {end_ms} was on time before; the windows stand at {windows.end_ms}")
        for start_ms in self._store.starts(windows.end_ms, end_ms):
            self._live.entered(self._store.open[start_ms])
        windows.advance(end_ms)
        self._store.drop_dense(end_ms)
        self._changes += 1

    def _columns(self, windows: Windows, end_ms: int, rows: Int64s) -> Callable[[str], WindowColumns]:
        made_at = self._changes

        def compute(name: str) -> WindowColumns:
            if made_at != self._changes:
                raise RuntimeError(f"window {name} of step {end_ms} was first asked for after the engine had moved on")
            return windows.columns(name, end_ms, rows)

        return compute

    # ---- commits, the table, restarts

    def held_back_offset(self) -> int | None:
        """Return the least offset that a restart must read again, which a commit may not pass; None: `position`."""
        offsets = [pane.first_offset for pane in self._store.open.values()]
        marks = self.frontier.held_back_offset()
        return min([*offsets, marks] if marks is not None else offsets, default=None)

    def commit_state(self) -> WindowState:
        """Return what goes into the metadata of a commit at `held_back_offset()`, taken at the same moment."""
        self._late.settle(self.position)
        return WindowState(
            frontier_ms=self._closing.frontier_ms,
            emitted_ms=self.steps.emitted_ms,
            watermark_ms=self.frontier.watermark_ms,
            settled_offset=self._late.settled_offset,
            late_rounds=self._late.rounds,
        )

    def committed(self, state: WindowState) -> None:
        """The shell has committed a state; nothing is closed before the last emission is committed."""
        self._closing.committed(state)

    def close_due(self, now_ms: int) -> list[ClosedPane]:
        """Return the panes to be closed, ascending, at most 64; write each to the table, then call `closed`.

        The same ones are returned again until then. Ask at least each second: the grace of closing runs between calls.
        """
        closable_ms = self.frontier.closable_ms(now_ms)
        if self._late.pending:
            return []
        self._rename(self.position)
        return self._closing.due(closable_ms, self.commit_state())

    def closed(self, pane: ClosedPane) -> None:
        """The table has acknowledged every record of the pane, and `fetch` returns them."""
        self._closing.closed(pane)

    @property
    def closed_through_ms(self) -> int | None:
        """Panes that end at or before it are closed; those with events are in the table."""
        return self._closing.frontier_ms

    def expired(self, kept_from_ms: int | None = None) -> list[ClosedKey]:
        """Return the keys of table records that no restart needs, each once; none of panes from `kept_from_ms` on."""
        return self._closing.expired(kept_from_ms)

    def restore(
        self,
        closed: Mapping[int, Sequence[bytes]],
        state: WindowState | None,
        seen: Mapping[Series, int] | None = None,
    ) -> None:
        """Rebuild the windows, before anything else is called, from the table and the last commit's metadata.

        `closed`: the table's records of this shard by pane start, which `fetch` must return too. `seen`: when each
        series had its last event, if the shell keeps that. Then records are to be read from the committed offset on.
        """
        panes = list(self._closing.restore(closed, state))
        self._live.restore(seen or {})
        if state is not None:
            self._late.restore(state.settled_offset, state.late_rounds)
            self.frontier.restore(state.watermark_ms, state.frontier_ms)
        stands = [at for at in (state.emitted_ms if state else None, self._closing.frontier_ms) if at is not None]
        if not stands:
            return
        windows = self.steps.start(max(stands))
        for start_ms, names in panes:
            self._rows.touch(self._rows.of(names), start_ms)
        windows.fill()
        self._live.forget(windows.end_ms)
