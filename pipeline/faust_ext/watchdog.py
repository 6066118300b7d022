"""Notices a consumer that is alive and stuck: lag, and a position that does not move."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

from pipeline.errors import PipelineError

WATCHED_MS = 5_000
"""The time between two looks counts up to this."""


class StuckError(PipelineError):
    """Something should move and does not. It ends the worker, unless Kafka is away: then nothing can move."""


@dataclass(slots=True)
class Standstill:
    """How long something was seen to stand still. Time is an argument.

    Only time that was watched counts: a machine that slept, a clock that was set, or a rebalance that took long is
    nothing that is stuck.
    """

    _progress: Hashable = None
    _stood_ms: int = 0
    _looked_ms: int | None = None

    def look(self, progress: Hashable, now_ms: int) -> int:
        """Return for how many ms `progress` has been the same; None is never the same."""
        since_ms = 0 if self._looked_ms is None else min(max(now_ms - self._looked_ms, 0), WATCHED_MS)
        same = progress is not None and progress == self._progress
        self._stood_ms = self._stood_ms + since_ms if same else 0
        self._progress, self._looked_ms = progress, now_ms
        return self._stood_ms


@dataclass(slots=True)
class Watchdog:
    """Raises when a partition lags and its position has not moved for `stuck_ms`. Time is an argument."""

    stuck_ms: int
    _stood: dict[Hashable, Standstill] = field(default_factory=dict)

    def check(self, positions: Mapping[Hashable, tuple[int, bool]], now_ms: int) -> None:
        """Look at (position, whether it is at the end) of every partition; StuckError for a stuck one, once."""
        for partition in set(self._stood) - set(positions):
            del self._stood[partition]
        for partition, (position, at_end) in positions.items():
            stood_ms = self._stood.setdefault(partition, Standstill()).look(None if at_end else position, now_ms)
            if stood_ms > self.stuck_ms:
                self._stood.clear()
                raise StuckError(f"{partition} lags and has stood at offset {position} for {stood_ms // 1000} s")
