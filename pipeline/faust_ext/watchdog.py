"""Notices a consumer that is alive and stuck: lag, and a position that does not move."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from faust.types import TP

from pipeline.errors import PipelineError

FETCH_IS_FRESH_MS = 2_000
"""A fetch that was answered within this time says where the end is."""

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


@dataclass(frozen=True, slots=True)
class Place:
    """Where a partition stands. `waits`: its next records were fetched, and wait until the worker has done others.

    One that waits its turn in a backlog is not stuck as long as the worker gets on with anything.
    """

    position: int
    at_end: bool
    waits: bool = False


def place_of(consumer: Any, tp: TP, position: int, now_ms: int) -> Place:
    """Return where a partition stands whose owner is at `position`."""
    return Place(position, consumer.at_end(tp, FETCH_IS_FRESH_MS, now_ms), consumer.next_fetch(tp) != position)


@dataclass(slots=True)
class Watchdog:
    """Raises when a partition lags and its position has not moved for `stuck_ms`. Time is an argument."""

    stuck_ms: int
    _stood: dict[str, Standstill] = field(default_factory=dict)

    def check(self, places: Mapping[str, Place], now_ms: int) -> None:
        """Look at every partition of the worker; StuckError for a stuck one, once."""
        for partition in set(self._stood) - set(places):
            del self._stood[partition]
        done = sum(place.position for place in places.values())
        for partition, place in places.items():
            progress = None if place.at_end else (place.position, done if place.waits else None)
            stood_ms = self._stood.setdefault(partition, Standstill()).look(progress, now_ms)
            if stood_ms > self.stuck_ms:
                self._stood.clear()
                raise StuckError(f"{partition} lags and has stood at offset {place.position} for {stood_ms // 1000} s")
