"""What the machine tells the load's process, and what that tells back."""

from __future__ import annotations

import msgspec

from faults.facts import ProducerAccount


class Orders(msgspec.Struct, frozen=True):
    """Where to send how much of what. Times are seconds since the load began."""

    bootstrap: str
    operations: str
    errors: str
    seed: int
    rate: float
    series: int
    storms_s: tuple[tuple[float, float], ...]  # from, to: operations fail, get slow, and errors are critical

    def storms_at(self, at_s: float) -> bool:
        """Whether a storm rages."""
        return any(begin_s <= at_s < end_s for begin_s, end_s in self.storms_s)


class Said(msgspec.Struct, frozen=True):
    """One line of the load's, each second. `accounts` come with the last one only."""

    sent: int
    acknowledged: int
    boots: int
    cpu_seconds: float
    accounts: list[ProducerAccount] | None = None
