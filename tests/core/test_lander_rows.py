"""Rows on their way into a table: built, split, bisected."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.lander.event_rows import Reading, operation_rows
from pipeline.lander.rows import DAY_MS, Piece, Rows, build, split
from tests.contracts.kafka_records import FakeRecord, operation, records

READING = Reading(epoch=3, future_limit_ms=30_000)


def rows_of(days: list[int]) -> Rows:
    events = [operation(place, timestamp_ms=1_500_000_000_000 + day * DAY_MS) for place, day in enumerate(days)]
    return operation_rows(records("events.operations", events, first_offset=40), READING).rows


def pieces_of(days: list[int], max_rows: int, most_days: int) -> list[Piece]:
    ((piece,), refusals) = build(rows_of(days))
    assert refusals == []
    return list(split(piece, "timestamp", max_rows, most_days))


def test_rows_of_a_few_days_stay_in_their_order() -> None:
    (piece,) = pieces_of([2, 0, 1, 0], max_rows=10, most_days=3)
    assert piece.row_of.tolist() == [0, 1, 2, 3]


def test_no_insert_has_more_rows_than_allowed() -> None:
    assert [piece.row_of.tolist() for piece in pieces_of([0] * 5, max_rows=2, most_days=3)] == [[0, 1], [2, 3], [4]]


def test_no_insert_has_more_days_than_allowed_and_every_row_is_in_one() -> None:
    rng = np.random.default_rng(1)
    days = rng.integers(0, 40, 300).tolist()
    pieces = pieces_of(days, max_rows=50, most_days=7)
    assert sorted(row for piece in pieces for row in piece.row_of.tolist()) == list(range(300))
    for piece in pieces:
        assert len({days[row] for row in piece.row_of.tolist()}) <= 7
        offsets = piece.table.column("offset").to_pylist()
        assert offsets == [40 + row for row in piece.row_of.tolist()]


@pytest.mark.parametrize("bad", [{0}, {6}, {2, 3}, {0, 1, 2, 3, 4, 5, 6}])
def test_values_that_do_not_fit_are_found_row_by_row(bad: set[int]) -> None:
    rows = rows_of([0] * 7)
    spoilt = replace(rows, columns=rows.columns | {"weight": [-1 if row in bad else 1 for row in range(7)]})
    pieces, refusals = build(spoilt)
    assert {refusal.row for refusal in refusals} == bad
    assert {row for piece in pieces for row in piece.row_of.tolist()} == set(range(7)) - bad
    assert all("operations_log" in refusal.detail for refusal in refusals)


def test_no_rows_make_no_insert() -> None:
    assert build(operation_rows([FakeRecord("events.operations", 0, b"[]")], READING).rows) == ([], [])


def test_the_same_records_make_the_same_bytes() -> None:
    one, other = (build(rows_of([0, 5, 3]))[0][0].table for _ in range(2))
    assert one.equals(other)


def test_an_events_row_says_where_it_came_from() -> None:
    values = [[operation(1), operation(2)], operation(3)]
    rows = operation_rows(records("events.operations", values, first_offset=40, partition=5), READING).rows
    table = rows.arrow(0, 3)
    places = zip(*(table.column(name).to_pylist() for name in ("epoch", "partition", "offset", "idx")), strict=True)
    assert list(places) == [(3, 5, 40, 0), (3, 5, 40, 1), (3, 5, 41, 0)]
    assert [rows.origin_of(row).index for row in range(3)] == [0, 1, 0]


def test_refused_and_future_events_are_passed_over_and_counted() -> None:
    values = [operation(1), b"not json", [operation(2), operation(3, timestamp_ms=4_102_444_800_000)], None]
    found = operation_rows(records("events.operations", values), READING)
    assert found.rows.length == 2
    assert found.refused == 3


def test_durations_are_whole_microseconds_and_outcomes_are_filled_in() -> None:
    values = [
        operation(1, duration_ms=0.0125, success=False, status_code=404),
        operation(2, duration_ms=41.7, success=False, status_code=504),
        operation(3, duration_ms=0, success=True, outcome="cancelled"),
    ]
    table = operation_rows(records("events.operations", values), READING).rows.arrow(0, 3)
    assert table.column("duration_us").to_pylist() == [12, 41_700, 0]
    assert table.column("outcome").to_pylist() == ["client_error", "timeout", "cancelled"]
