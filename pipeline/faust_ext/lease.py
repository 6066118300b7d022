"""Asks the group whether this process still owns its partitions, before it writes what another owner would contradict.

A process that was stopped for a while (SIGSTOP, a machine that slept) wakes up in the belief that it owns what it did,
with batches in hand. Offsets are fenced by the broker, records are not.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from pipeline.faust_ext.clock import wall_ms

LEASE_MS = 4_000
"""How long an answer holds; well below the session's time-out (10 s), in which nobody else is given the partitions."""


class Lease:
    """`ask` commits as a member of a generation, and returns whether the broker took it."""

    def __init__(self, ask: Callable[[], Awaitable[bool]]) -> None:
        self._ask = ask
        self._asked_ms: int | None = None

    def answered(self, asked_ms: int) -> None:
        """A commit that was sent at `asked_ms` was taken."""
        self._asked_ms = asked_ms

    def end(self) -> None:
        """Let nothing be written before the group was asked again."""
        self._asked_ms = None

    async def holds(self) -> bool:
        """Return whether the partitions are still ours; asks when the last answer is too old."""
        if self._asked_ms is not None and abs(wall_ms() - self._asked_ms) < LEASE_MS:
            return True
        return await self._ask()
