"""What follows from an event: outcome, whole microseconds, the sentence for the future."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.block import ADDITIVE, COLUMN
from pipeline.decode import (
    SEVERITY_CODES,
    Operation,
    derived_outcome,
    duration_us,
    durations_us,
    future_detail,
)
from schemas.bounds import DURATION_GREATEST_MS


def operation(**fields: Any) -> Operation:
    base = {"type": "operation", "event_id": "e", "timestamp_ms": 10**12, "service": "s", "operation": "o"}
    return msgspec.convert({**base, "duration_ms": 1.0, "success": True, **fields}, Operation)


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"success": True}, "ok"),
        ({"success": True, "status_code": 404}, "ok"),
        ({"success": False}, "error"),
        ({"success": False, "status_code": 200}, "error"),
        ({"success": False, "status_code": 400}, "client_error"),
        ({"success": False, "status_code": 499}, "client_error"),
        ({"success": False, "status_code": 408}, "timeout"),
        ({"success": False, "status_code": 504}, "timeout"),
        ({"success": False, "status_code": 500}, "error"),
        ({"success": True, "outcome": "cancelled"}, "cancelled"),
        ({"success": False, "outcome": "timeout", "status_code": 500}, "timeout"),
    ],
)
def test_an_outcome_is_as_sent_or_follows_from_success_and_status(fields: dict[str, Any], outcome: str) -> None:
    assert derived_outcome(operation(**fields)) == outcome


@settings(deadline=None)
@given(st.floats(min_value=0, max_value=DURATION_GREATEST_MS))
def test_one_duration_and_an_array_of_them_round_alike(duration_ms: float) -> None:
    assert durations_us(np.array([duration_ms])).tolist() == [duration_us(duration_ms)]


@pytest.mark.parametrize(("duration_ms", "whole_us"), [(0.0005, 0), (0.0015, 2), (0.0025, 2), (41.7, 41_700), (0, 0)])
def test_half_a_microsecond_goes_to_the_even_one(duration_ms: float, whole_us: int) -> None:
    assert duration_us(duration_ms) == whole_us


def test_severities_have_the_order_of_their_columns() -> None:
    first = COLUMN["errors_warning"]
    assert {name: ADDITIVE[first + code] for name, code in SEVERITY_CODES.items()} == {
        name: f"errors_{name}" for name in SEVERITY_CODES
    }


def test_the_future_is_explained_with_both_times() -> None:
    assert future_detail(4_102_444_800_000, 4_102_444_700_500, 30_000) == (
        "timestamp_ms 4102444800000 (2100-01-01T00:00:00.000Z) is 99.5 s past the broker's time "
        "(2099-12-31T23:58:20.500Z): at most 30 s are allowed; the sender's clock is wrong"
    )


def test_the_last_time_that_is_accepted_can_be_written() -> None:
    assert "(5138-11-16T09:46:40.000Z)" in future_detail(10**14, 0, 0)
