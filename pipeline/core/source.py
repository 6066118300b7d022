"""The state of one source partition: where it is, what time it is there, and its open panes.

Everything follows from the log in offset order: which pane an event belongs to, whether it is late, when a pane
closes. So it is the same for any batching, and a restart from the held-back offset rebuilds it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from pipeline.core.columns import Columns
from pipeline.core.dead_limit import DeadRun
from pipeline.core.pane import Pane, PartSnapshot
from pipeline.core.pane_rows import SeriesLimits
from pipeline.core.records import Mark
from pipeline.core.series import Series

Int64s = npt.NDArray[np.int64]
NEVER_MS = -(2**62)


@dataclass(frozen=True, slots=True)
class TimeRules:
    """How event time is read. All in milliseconds."""

    pane_ms: int
    out_of_orderness_ms: int
    allowed_lateness_ms: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a source partition has come; what a commit carries as metadata.

    `position` is the next offset to be read; below it everything is in a pane, or was late or dead and said so.
    """

    position: int
    watermark_ms: int | None = None
    closed_through_ms: int | None = None
    operations: int = 0
    errors: int = 0
    late: int = 0
    dead: int = 0
    run: DeadRun = DeadRun()  # noqa: RUF009 - frozen

    def mark(self, source: str, *, epoch: int, idle: bool) -> Mark:
        """Return what is told of it under the source's name."""
        return Mark(
            epoch=epoch,
            source=source,
            position=self.position,
            watermark_ms=self.watermark_ms,
            closed_through_ms=self.closed_through_ms,
            idle=idle,
            operations=self.operations,
            errors=self.errors,
            late=self.late,
            dead=self.dead,
        )


@dataclass(frozen=True, slots=True)
class Closing:
    """A pane that is about to close, and its final snapshots."""

    pane_start_ms: int
    parts: list[PartSnapshot]


@dataclass(frozen=True, slots=True)
class Late:
    """Events that came after their pane was closed; arrays of one length, in log order."""

    offset: Int64s
    index: Int64s
    pane_start_ms: Int64s

    def __len__(self) -> int:
        """How many events there are."""
        return len(self.offset)


NO_LATE = Late(*(np.zeros(0, np.int64),) * 3)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What may be committed once the final snapshots are acknowledged: `offset`, with `progress` as metadata."""

    offset: int
    progress: Progress


@dataclass(slots=True)
class SourcePartition:
    """One partition of ``events.*``. `progress` is where the last owner had come to, or offset 0 of a new one.

    Records below that position are read again only to rebuild open panes: of closed ones they are passed over, and
    nothing is counted or told twice.
    """

    progress: Progress
    rules: TimeRules
    limits: SeriesLimits
    panes: dict[int, Pane] = field(default_factory=dict)
    next_offset: int = 0  # where reading is; below `replayed_to` while panes are rebuilt
    replayed_to: int = field(init=False)

    def __post_init__(self) -> None:
        self.replayed_to = self.progress.position

    def add(
        self, events: Columns, table: list[Series], *, next_offset: int, dead: int = 0, run: DeadRun | None = None
    ) -> Late:
        """Count one batch of decoded events; return those that were late, of the ones at or after `replayed_to`.

        `next_offset` is the position after the batch, `dead` how many were refused at or after `replayed_to`, `run`
        what its last events were.
        """
        late = self._add_events(events, table) if len(events) else NO_LATE
        self.next_offset = next_offset
        if next_offset > self.progress.position:
            counted = (self.progress.late + len(late), self.progress.dead + dead)
            run = run or self.progress.run
            self.progress = replace(self.progress, position=next_offset, late=counted[0], dead=counted[1], run=run)
        return late

    def advance_watermark(self, watermark_ms: int) -> None:
        """Move the watermark on without an event (an idle partition); never back."""
        if self.progress.watermark_ms is None or watermark_ms > self.progress.watermark_ms:
            self.progress = replace(self.progress, watermark_ms=watermark_ms)

    def due(self) -> list[int]:
        """Return the starts of open panes that the watermark has closed, ascending."""
        through = self.closing_through_ms()
        return sorted(start for start in self.panes if start + self.rules.pane_ms <= through)

    def closing_through_ms(self) -> int:
        """Panes that end at or before this are closed, by the watermark or by an earlier commit."""
        return max(
            _or_never(self.progress.closed_through_ms), int(self._closed_by(_or_never(self.progress.watermark_ms)))
        )

    def close(self, table: list[Series]) -> list[Closing]:
        """Take the due panes out and return their final snapshots; once acknowledged, a commit may pass them."""
        closings = [Closing(start, self.panes.pop(start).snapshots(table, everything=True)) for start in self.due()]
        through = self.closing_through_ms()
        if through > NEVER_MS // 2:
            self.progress = replace(self.progress, closed_through_ms=through)
        return closings

    @property
    def is_replaying(self) -> bool:
        """Whether open panes are still being rebuilt: nothing may be committed or sent until that is done."""
        return self.next_offset < self.replayed_to

    def checkpoint(self) -> Checkpoint:
        """Return what may be committed now: everything but the open panes is settled. Not while replaying."""
        assert not self.is_replaying
        first = min((pane.first_offset for pane in self.panes.values()), default=self.progress.position)
        return Checkpoint(min(first, self.progress.position), self.progress)

    def _add_events(self, events: Columns, table: list[Series]) -> Late:
        fresh = events.offset >= self.replayed_to
        before_ms = self._watermark_before(events, fresh)
        pane_start = events.timestamp_ms // self.rules.pane_ms * self.rules.pane_ms
        closed_ms = np.maximum(self._closed_by(before_ms), _or_never(self.progress.closed_through_ms))
        late = pane_start + self.rules.pane_ms <= closed_ms
        if events.past is not None:
            late |= events.past
        counted = events.only(~late) if late.any() else events
        if len(counted):
            self._add_to_panes(counted, pane_start[~late] if late.any() else pane_start, table)
        new = int((fresh & ~late).sum())
        kind = "errors" if events.duration_us is None else "operations"
        self.progress = replace(self.progress, **{kind: getattr(self.progress, kind) + new})
        told = late & fresh
        return Late(events.offset[told], events.index[told], pane_start[told]) if told.any() else NO_LATE

    def _watermark_before(self, events: Columns, fresh: npt.NDArray[np.bool_]) -> Int64s:
        """Return the watermark that each event's record is judged by, and move the partition's own on."""
        initial = _or_never(self.progress.watermark_ms)
        told = np.minimum(events.timestamp_ms, events.append_ms) - self.rules.out_of_orderness_ms
        if events.past is not None:
            fresh = fresh & ~events.past
        after = np.maximum(np.maximum.accumulate(np.where(fresh, told, NEVER_MS)), initial)
        if after[-1] > initial:
            self.progress = replace(self.progress, watermark_ms=int(after[-1]))
        # All elements of one record are judged by the watermark before it.
        first_of_record = np.searchsorted(events.record, events.record, side="left")
        return np.where(first_of_record > 0, after[first_of_record - 1], initial)

    def _closed_by(self, watermark_ms: Int64s | int) -> Int64s:
        pane_ms = self.rules.pane_ms
        return np.asarray((np.asarray(watermark_ms) - self.rules.allowed_lateness_ms) // pane_ms * pane_ms)

    def _add_to_panes(self, events: Columns, pane_start: Int64s, table: list[Series]) -> None:
        starts = np.unique(pane_start)
        for start in starts.tolist():
            chosen = events if len(starts) == 1 else events.only(pane_start == start)
            pane = self.panes.get(start)
            if pane is None:
                pane = self.panes[start] = Pane(self.limits, int(chosen.offset[0]))
            pane.add(chosen, table)


def _or_never(value_ms: int | None) -> int:
    return NEVER_MS if value_ms is None else value_ms
