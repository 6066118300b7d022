"""When a source partition is idle, and how its watermark goes on without events. Time is an argument."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class IdleClock:
    """Watches one source partition.

    While it is idle its watermark is the last one plus the time gone by, so that windows close and a log from 2017
    stays in 2017. A partition that never had an event has no watermark and counts as idle after the start grace.
    """

    since_ms: int  # when the last events came, or when the partition was taken over
    base_ms: int | None  # the watermark then
    is_idle: bool = False

    def saw_events(self, watermark_ms: int | None, now_ms: int) -> None:
        """Events came just now; `watermark_ms` is the partition's after them."""
        self.since_ms, self.base_ms, self.is_idle = now_ms, watermark_ms, False

    def look(self, *, at_end: bool, now_ms: int, idle_after_ms: int, start_grace_ms: int) -> int | None:
        """Return the watermark that an idle partition has now; None if it is not idle, or never had one."""
        quiet_ms = now_ms - self.since_ms
        self.is_idle = at_end and quiet_ms >= (start_grace_ms if self.base_ms is None else idle_after_ms)
        return self.base_ms + quiet_ms if self.is_idle and self.base_ms is not None else None
