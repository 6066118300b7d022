"""What an event may stand for: the sums of a window have room for nine million of the greatest."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.core.histogram import MAX_US
from pipeline.decode.batch import decode_operations
from schemas import bounds


def decoded(duration_ms: float, weight: int) -> Any:
    event = {
        "type": "operation",
        "event_id": "e",
        "timestamp_ms": 1_763_791_200_123,
        "service": "checkout",
        "operation": "pay",
        "duration_ms": duration_ms,
        "success": True,
        "weight": weight,
    }
    return decode_operations([json.dumps(event).encode()])


@pytest.mark.parametrize(
    ("duration_ms", "weight", "accepted"),
    [
        (1_000.0, 1_000_000, True),
        (1_000.1, 1_000_000, False),
        (3_600_000.0, 277, True),
        (3_600_000.0, 278, False),
        (bounds.DURATION_GREATEST_MS, 277, True),
        (bounds.DURATION_GREATEST_MS, 278, False),
        (bounds.DURATION_GREATEST_MS, 1, True),
    ],
)
def test_weight_times_duration_is_bounded_and_of_a_longer_call_an_hour_counts(
    duration_ms: float, weight: int, *, accepted: bool
) -> None:
    found = decoded(duration_ms, weight)
    assert (len(found.events), len(found.rejections)) == ((1, 0) if accepted else (0, 1))
    for rejection in found.rejections:
        assert "at most 1000000 are allowed in one event" in rejection.detail


def test_the_sum_of_a_window_has_room_for_nine_million_of_the_greatest_events() -> None:
    greatest_us = int(bounds.CALL_TIME_GREATEST_MS * 1_000)
    assert greatest_us * 9_000_000 < 2**63
    assert bounds.DURATION_COUNTED_MS * 1_000 == MAX_US
