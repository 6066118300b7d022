"""A clock that the schedule moves, in place of the machine's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from unittest.mock import patch

START_MS = 1_763_791_200_000
"""2025-11-22 06:00:00 UTC"""

_READERS = (
    "pipeline.aggregator.owner.wall_ms",
    "pipeline.evaluator.owner.wall_ms",
    "pipeline.faust_ext.lease.wall_ms",
    "pipeline.faust_ext.rewind.wall_ms",
)


@dataclass
class ModelClock:
    """The time of all workers and of the broker."""

    now_ms: int = START_MS

    def advance(self, by_ms: int) -> None:
        self.now_ms += by_ms

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Let everybody who reads the time read this clock."""
        patches = [patch(name, lambda: self.now_ms) for name in _READERS]
        for each in patches:
            each.start()
        try:
            yield
        finally:
            for each in patches:
                each.stop()
