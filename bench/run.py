"""What one contender did."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Run:
    """What one contender did: `events` of them in `seconds`, by which CPU time and memory."""

    events: int
    seconds: float
    cpu_seconds: float
    peak_mb: dict[str, float]  # by process

    @property
    def per_second(self) -> float:
        """Events per second of wall time."""
        return self.events / max(self.seconds, 1e-6)

    @property
    def per_cpu_second(self) -> float:
        """Events per second of CPU time, user and system, of all its processes and threads."""
        return self.events / max(self.cpu_seconds, 1e-2)
