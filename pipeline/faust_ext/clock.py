"""The one place where a shell reads the time."""

from __future__ import annotations

import time


def wall_ms() -> int:
    """The clock of this machine, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000
