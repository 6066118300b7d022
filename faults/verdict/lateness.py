"""Bounds for the watermark that each event was judged by, from the log alone.

The least it can have been follows from the log order. The greatest it can have been is more where a worker may have
found the partition idle: then the watermark moves on with the clock. Between the two nobody can tell from the log
whether an event was late; there the pipeline's own notice on ``events.late`` is believed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.settings import Settings

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

NEVER_MS = -(2**62)
FETCH_SLACK_MS = 2_500
"""A worker takes a partition for read to its end on a fetch that is up to 2 s old; the rest is for clocks."""


RELEASED_MS = 300_000
"""Windows wait for no partition that is so far behind and idle, and for none that was never used: decision 0002."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Which events were late for sure, and which on time for sure; arrays of one length.

    `unwaited`: they were on time by a partition that nobody waits for. Windows may have passed them.
    """

    late: Bools
    on_time: Bools
    unwaited: Bools


@dataclass(slots=True)
class PartitionTime:
    """The event time of one source partition as its log goes on."""

    settings: Settings
    least_ms: int = NEVER_MS
    greatest_ms: int = NEVER_MS
    last_append_ms: int = NEVER_MS
    is_unwaited: bool = True

    def judge(self, record: Int64s, timestamp_ms: Int64s, told_ms: Int64s, append_ms: Int64s, seen_ms: int) -> Judged:
        """Judge the events of one batch, in log order; `record` numbers their records, ascending.

        `told_ms` is the event time that each tells the watermark, as a rule its timestamp; `seen_ms` when the batch was
        read here: not before it could be read by anyone.
        """
        told = np.minimum(told_ms, append_ms) - self.settings.out_of_orderness_ms
        least = _before(record, told, self.least_ms)
        greatest = np.maximum(_before(record, told, self.greatest_ms), self._idle_ms(record, append_ms, seen_ms))
        self.least_ms = max(self.least_ms, int(told.max()))
        self.greatest_ms = max(int(greatest[-1]), self.greatest_ms, int(told.max()))
        self.last_append_ms = max(self.last_append_ms, int(append_ms[-1]))
        end_ms = self._pane_end(timestamp_ms)
        return Judged(
            late=end_ms <= self._closed_by(least),
            on_time=end_ms > self._closed_by(greatest),
            unwaited=self._unwaited(greatest, append_ms) & self.of_the_past(timestamp_ms, append_ms),
        )

    def of_the_past(self, timestamp_ms: Int64s, append_ms: Int64s) -> Bools:
        """Return which events are late by the broker's own time, whatever came before them; so a replay is judged."""
        closed_ms = self._closed_by(append_ms - self.settings.out_of_orderness_ms)
        return np.asarray(self._pane_end(timestamp_ms) <= closed_ms)

    def _pane_end(self, timestamp_ms: Int64s) -> Int64s:
        pane_ms = self.settings.pane_seconds * 1000
        return timestamp_ms // pane_ms * pane_ms + pane_ms

    def _unwaited(self, greatest_ms: Int64s, append_ms: Int64s) -> Bools:
        """Return at which events windows may have been ahead: until the partition has caught up with the clock."""
        behind_ms = append_ms - greatest_ms
        within = behind_ms < self.settings.out_of_orderness_ms + self.settings.allowed_lateness_ms
        found = (behind_ms > RELEASED_MS) | (self.is_unwaited & ~np.maximum.accumulate(within))
        self.is_unwaited = bool(found[-1])
        return found

    def _idle_ms(self, record: Int64s, append_ms: Int64s, seen_ms: int) -> Int64s:
        """Return how far an idle partition's watermark may have gone before each event; NEVER_MS where it can't."""
        before_ms = np.concatenate(([self.last_append_ms], append_ms[:-1]))
        first = np.searchsorted(record, record, side="left")
        quiet_ms = seen_ms - before_ms[first]
        may_be_idle = (before_ms[first] != NEVER_MS) & (quiet_ms >= self.settings.idle_after_ms - FETCH_SLACK_MS)
        idle_ms = seen_ms + FETCH_SLACK_MS - self.settings.out_of_orderness_ms
        return np.maximum.accumulate(np.where(may_be_idle, idle_ms, NEVER_MS))

    def _closed_by(self, watermark_ms: Int64s) -> Int64s:
        pane_ms = self.settings.pane_seconds * 1000
        return np.asarray((watermark_ms - self.settings.allowed_lateness_ms) // pane_ms * pane_ms)


def _before(record: Int64s, told: Int64s, initial_ms: int) -> Int64s:
    """Return the greatest that was told before each event's record."""
    after = np.maximum(np.maximum.accumulate(told), initial_ms)
    first = np.searchsorted(record, record, side="left")
    return np.where(first > 0, after[first - 1], initial_ms)
