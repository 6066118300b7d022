"""Kafka records for tests that need no Kafka."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

NOW_MS = time.time_ns() // 1_000_000 // 60_000 * 60_000
"""A whole minute just now: retention counts from when a record was received, so a fixed date would be gone."""


@dataclass(frozen=True, slots=True)
class FakeRecord:
    """A record as aiokafka gives it."""

    topic: str
    offset: int
    value: bytes | None
    partition: int = 0
    timestamp: int = NOW_MS
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


def operation(number: int = 0, **changes: Any) -> dict[str, Any]:
    """Return a valid operation event."""
    return {
        "type": "operation",
        "event_id": f"e{number}",
        "timestamp_ms": NOW_MS - 1_000,
        "service": "checkout",
        "operation": "pay",
        "duration_ms": 41.7,
        "success": True,
        **changes,
    }


def error(number: int = 0, **changes: Any) -> dict[str, Any]:
    """Return a valid error event."""
    return {
        "type": "error",
        "event_id": f"e{number}",
        "timestamp_ms": NOW_MS - 1_000,
        "service": "checkout",
        "operation": "pay",
        "severity": "critical",
        "error_type": "CardDeclined",
        "message": f"card {number} was declined",
        **changes,
    }


def sample(number: int = 0, **changes: Any) -> dict[str, Any]:
    """Return a valid sample event."""
    return {
        "type": "sample",
        "event_id": f"e{number}",
        "timestamp_ms": NOW_MS - 1_000,
        "service": "checkout",
        "name": "process.memory",
        "value": 183_500_800,
        "unit": "By",
        **changes,
    }


def records(topic: str, values: Sequence[Any], first_offset: int = 0, partition: int = 0) -> list[FakeRecord]:
    """Return records of one partition: an object or a list of them becomes JSON, bytes stay as they are."""
    encoded = [value if isinstance(value, bytes | None) else json.dumps(value).encode() for value in values]
    return [FakeRecord(topic, first_offset + place, value, partition) for place, value in enumerate(encoded)]
