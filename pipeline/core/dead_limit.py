"""When nearly everything in a partition is refused: a broken producer, at which a worker stops instead of going on.

What is judged follows from the log in offset order, event by event, and travels with the commit. So it is the same for
any batching, and a worker that stopped here and is started again stops at the same event.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

BLOCK = 20_000
"""Events over which the share of refused ones is taken: this many at least, and less than twice as many."""


@dataclass(frozen=True, slots=True)
class DeadLimits:
    """`ratio`: share of refused events, `in_a_row`: refused events without a good one between. 0 switches one off."""

    ratio: float
    in_a_row: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one event; `detail` says why when it was refused, and the reason is None when it was not."""

    offset: int
    reason: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Flood:
    """A limit was reached at the event `last`: `dead` of the last `events` were refused; `in_a_row`: since `first`."""

    last: Verdict
    first: int
    dead: int
    events: int
    in_a_row: bool


class DeadRun(msgspec.Struct, array_like=True, frozen=True):
    """What the last events of a partition were.

    - `in_a_row`: refused ones since the last good one; `first` is the offset of the first of them
    - `events`, `dead`: events of the block that is being filled, and how many of them were refused
    - `events_before`, `dead_before`: of the block before it, `BLOCK` or none at all
    """

    in_a_row: int = 0
    first: int = 0
    events: int = 0
    dead: int = 0
    events_before: int = 0
    dead_before: int = 0

    def after_good(self, count: int) -> DeadRun:
        """Return the run after so many events of which none was refused; costs the same for any number."""
        if not count:
            return self
        blocks, events = divmod(self.events + count, BLOCK)
        if not blocks:
            return DeadRun(0, 0, events, self.dead, self.events_before, self.dead_before)
        return DeadRun(0, 0, events, 0, BLOCK, self.dead if blocks == 1 else 0)

    def after(self, verdicts: Iterable[Verdict], limits: DeadLimits) -> tuple[DeadRun, Flood | None]:
        """Return the run after these events, and the first limit that was reached among them. About 1 µs an event.

        What is switched off is not counted either: switched on again it begins anew.
        """
        run = self.without(limits)
        for verdict in verdicts:
            run = run.after_good(1) if verdict.reason is None else run.after_dead(verdict.offset)
            if verdict.reason is not None and (flood := run.flood(verdict, limits)):
                return run, flood
        return run.without(limits), None

    def after_dead(self, offset: int) -> DeadRun:
        """Return the run after one refused event."""
        first = self.first if self.in_a_row else offset
        events, dead = self.events + 1, self.dead + 1
        if events == BLOCK:
            return DeadRun(self.in_a_row + 1, first, 0, 0, BLOCK, dead)
        return DeadRun(self.in_a_row + 1, first, events, dead, self.events_before, self.dead_before)

    def flood(self, last: Verdict, limits: DeadLimits) -> Flood | None:
        """Return the limit that was reached with the refused event `last`, None if there is none."""
        if limits.in_a_row and self.in_a_row >= limits.in_a_row:
            return Flood(last, self.first, self.in_a_row, self.in_a_row, in_a_row=True)
        events, dead = self.events_before + self.events, self.dead_before + self.dead
        if limits.ratio and events >= BLOCK and dead >= limits.ratio * events:
            return Flood(last, last.offset, dead, events, in_a_row=False)
        return None

    def without(self, limits: DeadLimits) -> DeadRun:
        """Return the run with nothing counted for a limit that is switched off."""
        run = self if limits.in_a_row else msgspec.structs.replace(self, in_a_row=0, first=0)
        return run if limits.ratio else DeadRun(run.in_a_row, run.first)
