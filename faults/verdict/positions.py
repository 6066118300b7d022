"""How the groups move: never stuck; and how soon a role has caught up after a fault."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from faults.facts import Fault

Int64s = npt.NDArray[np.int64]
Place = tuple[str, str, int]
"""(role, topic, partition)"""

LAG_SECONDS = {"aggregator": 2.0, "evaluator": 2.0, "lander": 4.0}
"""Caught up is who has no more than so much traffic left. The lander commits about once a second, after the insert."""
LAG_FLOOR = 200
RATE_SECONDS = 20
STUCK_SECONDS = 90
LEFT_AGE_MS = 5_000
RECOVERY_LOOK_SECONDS = 180


@dataclass
class Track:
    """Where one group stood on one partition over time."""

    times_ms: array[int] = field(default_factory=lambda: array("q"))
    positions: array[int] = field(default_factory=lambda: array("q"))
    ends: array[int] = field(default_factory=lambda: array("q"))

    def left(self) -> int:
        """Return how many of the records that were there a while ago are still to be read."""
        old = bisect_right(self.times_ms, self.times_ms[-1] - LEFT_AGE_MS) - 1
        return max(self.ends[max(old, 0)] - self.positions[-1], 0)


@dataclass
class Positions:
    """All samples so far: 24 bytes a partition, group and sample."""

    tracks: dict[Place, Track] = field(default_factory=dict)
    samples_ms: array[int] = field(default_factory=lambda: array("q"))

    def sampled(self, now_ms: int) -> None:
        """Note that all groups were looked at."""
        self.samples_ms.append(now_ms)

    def note(self, now_ms: int, place: Place, position: int, end: int) -> None:
        """Note where one group stood on one partition, and what there was."""
        track = self.tracks.setdefault(place, Track())
        track.times_ms.append(now_ms)
        track.positions.append(position)
        track.ends.append(end)

    def left(self) -> dict[Place, int]:
        """Return how many of the records that were there `LEFT_AGE_MS` ago each has still to read.

        (Some are always new: the aggregators tell their marks without end.)
        """
        return {place: track.left() for place, track in self.tracks.items()}


def stuck(positions: Positions, faults: Sequence[Fault]) -> list[str]:
    """Return who had records to read and did not move for `STUCK_SECONDS` in which no fault was on."""
    spans = [(fault.began_ms, fault.ended_ms + 15_000) for fault in faults]
    found = []
    for (role, topic, partition), track in positions.tracks.items():
        standing = longest = 0
        for before_ms, now_ms, moved in _steps(track):
            calm = not any(begin <= now_ms and before_ms <= end for begin, end in spans)
            standing = 0 if moved else standing + (now_ms - before_ms if calm else 0)
            longest = max(longest, standing)
        if longest >= STUCK_SECONDS * 1000:
            found.append(f"{role} stood still on {topic}-{partition} for {longest / 1000:.0f} s with records to read")
    return found


def _steps(track: Track) -> list[tuple[int, int, bool]]:
    """Return for each sample after the first (time before, time, whether it moved or had nothing to do)."""
    times, at, ends = (np.array(values, np.int64) for values in (track.times_ms, track.positions, track.ends))
    moved = (at[1:] > at[:-1]) | (at[:-1] >= ends[:-1])
    return list(zip(times[:-1].tolist(), times[1:].tolist(), moved.tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class Recovery:
    """How long after a fault a role had caught up; None: it had not before the next fault that concerns it, or the end.

    `was_behind`: it had not caught up when the fault began, so the fault is not what it recovers from.
    """

    fault: Fault
    role: str
    seconds: float | None
    looked_seconds: float
    was_behind: bool = False


def recoveries(positions: Positions, faults: Sequence[Fault], topics: dict[str, frozenset[str]]) -> list[Recovery]:
    """Return for every fault and role how soon every partition was caught up for good, until the next fault."""
    last_ms = positions.samples_ms[-1] if positions.samples_ms else 0
    behind = {role: _behind(positions, role, of_role) for role, of_role in topics.items()}
    found = []
    for fault in sorted(faults, key=lambda fault: fault.began_ms):
        from_ms = fault.started_ms if fault.started_ms is not None else fault.ended_ms
        for role in fault.roles:
            others = (other.began_ms for other in faults if other.began_ms > from_ms and role in other.roles)
            until_ms = min(min(others, default=last_ms), last_ms, from_ms + RECOVERY_LOOK_SECONDS * 1000)
            found.append(_recovery(fault, role, (from_ms, until_ms), positions, behind[role]))
    return found


def _recovery(fault: Fault, role: str, span_ms: tuple[int, int], positions: Positions, behind_ms: Int64s) -> Recovery:
    from_ms, until_ms = span_ms
    every = np.array(positions.samples_ms, np.int64)
    before = every[every < fault.began_ms]
    was_behind = bool(len(before)) and bool(np.isin(before[-1], behind_ms))
    samples = every[(every >= from_ms) & (every <= until_ms)]
    late = samples[np.isin(samples, behind_ms)]
    after = samples[samples > late[-1]] if len(late) else samples
    seconds = float(after[0] - from_ms) / 1000 if len(after) else None
    return Recovery(fault, role, seconds, max(until_ms - from_ms, 0) / 1000, was_behind)


def _behind(positions: Positions, role: str, topics: frozenset[str]) -> Int64s:
    """Return the times of the samples at which the role had not caught up on one of these topics."""
    late = [
        _late_times(track, LAG_SECONDS[role])
        for (of, topic, _), track in positions.tracks.items()
        if of == role and topic in topics
    ]
    return np.unique(np.concatenate(late)) if late else np.zeros(0, np.int64)


def _late_times(track: Track, seconds: float) -> Int64s:
    times, at, ends = (np.array(values, np.int64) for values in (track.times_ms, track.positions, track.ends))
    before = np.searchsorted(times, times - RATE_SECONDS * 1000)
    spans_s = np.maximum((times - times[before]) / 1000, 1)
    allowed = np.maximum((ends - ends[before]) / spans_s * seconds, LAG_FLOOR)
    return times[ends - at > allowed]
