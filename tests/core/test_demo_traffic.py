"""The demo's traffic: valid but for what is bad on purpose, in time, and in trouble by the schedule."""

from __future__ import annotations

from collections import Counter
from typing import Any

import orjson

from pipeline.decode.line import parse_line
from pipeline.demo.catalogue import OPERATIONS, SERVICES
from pipeline.demo.schedule import CALM, CALM_START_S, PERIOD_S, TROUBLES, effect_on, going_on
from pipeline.demo.traffic import LATE_BY_MS, Record, Traffic
from pipeline.errors import RejectedEvent

NOW_MS = 1_763_791_200_000
CALM_S = 150.0


def records(calls: int, elapsed_s: float = CALM_S, seed: int = 7) -> list[Record]:
    traffic = Traffic(seed)
    return [record for _ in range(calls) for record in traffic.call(NOW_MS, elapsed_s)]


def events(found: list[Record]) -> list[dict[str, Any]]:
    """All good events in the records."""
    every: list[dict[str, Any]] = []
    for record in found:
        value = orjson.loads(record.value) if b"cut off" not in record.value else {}
        every += value if isinstance(value, list) else [value]
    return [event for event in every if is_good(event)]


def is_good(event: dict[str, Any]) -> bool:
    try:
        parse_line(orjson.dumps(event))
    except RejectedEvent:
        return False
    return True


def test_there_are_28_operations_of_four_services() -> None:
    assert len({(one.service, one.name) for one in OPERATIONS}) == 28
    assert len(SERVICES) == 4
    assert Counter(one.service for one in OPERATIONS) == dict.fromkeys(SERVICES, 7)


def test_a_record_says_how_many_events_it_stands_for() -> None:
    for record in records(2_000):
        value = orjson.loads(record.value) if b"cut off" not in record.value else {}
        assert record.events == (len(value) if isinstance(value, list) else 1)


def test_most_are_good_and_a_few_are_bad_late_or_in_arrays() -> None:
    found = records(6_000)
    total = sum(record.events for record in found)
    good = events(found)
    assert 0.98 < len(good) / total < 1
    assert any(record.value.startswith(b"[") for record in found)
    late = [event for event in good if event["timestamp_ms"] <= NOW_MS - LATE_BY_MS]
    assert 0 < len(late) < 0.02 * total
    assert all(event["timestamp_ms"] <= NOW_MS for event in good)


def test_every_operation_is_called_and_event_ids_are_all_different() -> None:
    good = events(records(6_000))
    assert {(event["service"], event["operation"]) for event in good} == {(one.service, one.name) for one in OPERATIONS}
    ids = [event["event_id"] for event in good]
    assert len(set(ids)) == len(ids)


def test_the_same_seed_makes_the_same_records() -> None:
    assert records(500) == records(500)
    assert records(500) != records(500, seed=8)


def test_nothing_fails_before_the_troubles_begin() -> None:
    elapsed_s = TROUBLES[0].start_s - 1
    assert elapsed_s < CALM_START_S
    assert all(event.get("success", True) for event in events(records(2_000, elapsed_s)))


def test_on_a_good_day_few_calls_fail_and_few_take_a_second() -> None:
    calls = [event for event in events(records(6_000)) if event["type"] == "operation"]
    assert sum(not call["success"] for call in calls) < 0.01 * len(calls)
    assert sum(call["duration_ms"] >= 1_000 for call in calls) < 0.002 * len(calls)


def test_the_error_storm_fails_payments_and_some_errors_are_critical() -> None:
    storm = next(one for one in TROUBLES if one.effect.critical_ratio)
    good = events(records(6_000, (storm.start_s + storm.end_s) / 2))
    mine = [event for event in good if (event["service"], event["operation"]) == (storm.service, storm.operation)]
    calls = [event for event in mine if event["type"] == "operation"]
    failed = sum(not call["success"] for call in calls)
    assert 0.35 < failed / len(calls) < 0.55
    assert {event["severity"] for event in mine if event["type"] == "error"} == {"error", "critical"}


def test_an_error_event_is_about_a_call_that_failed() -> None:
    good = events(records(6_000, 30.0))
    failed = {event["event_id"] for event in good if event["type"] == "operation" and not event["success"]}
    assert {event["event_id"].removesuffix("-e") for event in good if event["type"] == "error"} <= failed


def test_troubles_end_and_come_again_with_the_next_period() -> None:
    for trouble in TROUBLES:
        operation = next(one for one in OPERATIONS if trouble.concerns(one))
        assert effect_on(operation, trouble.start_s) == trouble.effect
        assert effect_on(operation, trouble.end_s) == CALM
        assert trouble.title in going_on(trouble.start_s + PERIOD_S)
        assert trouble.end_s < PERIOD_S


def test_alerts_have_a_cause_within_the_first_minute() -> None:
    assert min(trouble.start_s for trouble in TROUBLES) < 20
    assert any(trouble.effect.failure_ratio > 0.1 and trouble.start_s < 30 for trouble in TROUBLES)
