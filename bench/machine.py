"""On which machine figures were taken, and what else it was doing."""

from __future__ import annotations

import os
import platform
from pathlib import Path

BUSY_LOAD_PER_CORE = 0.3
"""More than this before the start, and the figures say little."""


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def machine() -> dict[str, str]:
    """Return what a reader must know of the machine, as words."""
    memory_gib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1024**3
    return {
        "processor": _processor(),
        "cores": str(cores()),
        "memory": f"{memory_gib:.0f} GiB",
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "load before": f"{os.getloadavg()[0]:.1f}",
    }


def is_busy() -> bool:
    """Whether other programs keep the machine busy now."""
    return os.getloadavg()[0] > BUSY_LOAD_PER_CORE * cores()


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
