"""Notices a consumer that is alive and stuck: lag, and a position that does not move."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

from pipeline.errors import FatalError


@dataclass(slots=True)
class Watchdog:
    """Raises when a partition lags and its position has not moved for `stuck_ms`. Time is an argument."""

    stuck_ms: int
    _moved: dict[Hashable, tuple[int, int]] = field(default_factory=dict)  # position, when it last moved

    def check(self, positions: Mapping[Hashable, tuple[int, bool]], now_ms: int) -> None:
        """Look at (position, whether it is at the end) of every partition; raise FatalError for a stuck one."""
        for partition in set(self._moved) - set(positions):
            del self._moved[partition]
        for partition, (position, at_end) in positions.items():
            known = self._moved.get(partition)
            if known is None or known[0] != position or at_end:
                self._moved[partition] = (position, now_ms)
            elif now_ms - known[1] > self.stuck_ms:
                raise FatalError(
                    f"{partition} lags and has stood at offset {position} for {(now_ms - known[1]) // 1000} s: the "
                    "consumer is stuck. The worker leaves, so that its supervisor starts a fresh one."
                )
