"""When a source partition is idle, and how its watermark goes on without events. Time is an argument."""

from __future__ import annotations

from dataclasses import dataclass

LOOKED_MS = 5_000
"""A partition that nobody looked at for so long, as while Kafka was away, is not known to have been quiet."""


@dataclass(slots=True)
class IdleClock:
    """Watches one source partition.

    While it is idle its watermark is the last one plus the time gone by, so that windows close and a log from 2017
    stays in 2017. A partition that never had an event has no watermark and counts as idle after the start grace.

    - `quiet_since_ms`: when the last events came, the partition was taken over, or was last not known to be at its end.
      So producers have a moment to send what they have kept back while Kafka was away, before it counts as late.
    - `base_ms`: the watermark that was true at `base_at_ms`, which may be long before a takeover: the time when no
      worker ran has gone by as well
    """

    quiet_since_ms: int
    base_ms: int | None
    base_at_ms: int
    is_idle: bool = False
    looked_ms: int | None = None

    def saw_events(self, watermark_ms: int | None, now_ms: int) -> None:
        """Events came just now; `watermark_ms` is the partition's after them."""
        self.quiet_since_ms = self.base_at_ms = now_ms
        self.base_ms, self.is_idle = watermark_ms, False

    def look(self, *, at_end: bool, now_ms: int, idle_after_ms: int, start_grace_ms: int) -> int | None:
        """Return the watermark that an idle partition has now; None if it is not idle, or never had one."""
        looked_ms, self.looked_ms = self.looked_ms, now_ms
        if not at_end or (looked_ms is not None and now_ms - looked_ms > LOOKED_MS):
            self.quiet_since_ms = now_ms
        quiet_ms = now_ms - self.quiet_since_ms
        self.is_idle = at_end and quiet_ms >= (start_grace_ms if self.base_ms is None else idle_after_ms)
        return self.base_ms + now_ms - self.base_at_ms if self.is_idle and self.base_ms is not None else None

    def when(self, watermark_ms: int | None) -> int | None:
        """Return the time at which a watermark of this partition was true; the next owner goes on from there."""
        if watermark_ms is None or self.base_ms is None:
            return None
        return self.base_at_ms + watermark_ms - self.base_ms
