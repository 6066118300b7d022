"""CPU time and peak memory of a running process, looked at from outside: it runs unchanged."""

from __future__ import annotations

import asyncio
import bisect
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_LOOK_SECONDS = 0.05


def cpu_seconds(pid: int) -> float:
    """Return the user and system time that a process has used so far: what getrusage says inside of it."""
    after_name = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / _TICKS_PER_SECOND


def peak_mb(pid: int | str) -> float:
    """Return the greatest resident size of a process so far, in MB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    kib = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return int(kib) * 1024 / 1e6


@dataclass
class Timeline:
    """CPU seconds of one process over wall-clock time, and its peak memory."""

    pid: int
    at_ms: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    peak_mb: float = 0.0

    async def watch(self) -> None:
        """Look 20 times a second until cancelled or until the process has ended."""
        while True:
            try:
                self.look()
            except (FileNotFoundError, ProcessLookupError, StopIteration):
                return
            await asyncio.sleep(_LOOK_SECONDS)

    def look(self) -> None:
        """Note where the process is now."""
        used, peak = cpu_seconds(self.pid), peak_mb(self.pid)
        self.at_ms.append(time.time() * 1000)
        self.cpu.append(used)
        self.peak_mb = max(self.peak_mb, peak)

    def cpu_at(self, at_ms: float) -> float:
        """Return the CPU seconds used by a moment, between two looks in proportion."""
        place = bisect.bisect_left(self.at_ms, at_ms)
        if place == 0:
            return self.cpu[0]
        if place == len(self.at_ms):
            return self.cpu[-1]
        before_ms, after_ms = self.at_ms[place - 1], self.at_ms[place]
        share = (at_ms - before_ms) / (after_ms - before_ms)
        return self.cpu[place - 1] + share * (self.cpu[place] - self.cpu[place - 1])
