"""Times as people read them."""

from __future__ import annotations

from datetime import UTC, datetime


def clock(time_ms: int) -> str:
    """Return a time as people read it, with the milliseconds since 1970."""
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%H:%M:%S} ({time_ms})"
