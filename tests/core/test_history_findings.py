"""What verifying a range takes apart: buckets, chunks, the cut, and how a difference names itself."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.core.block import NO_MIN_US
from pipeline.core.histogram import MAX_INDEX, MAX_US, index_of
from pipeline.history.buckets import ENDS_US
from pipeline.history.cut import NEVER_MS, Cut, Reach, Source
from pipeline.history.expected_slots import Span
from pipeline.history.findings import NOTHING, Compared, columns_that_differ
from pipeline.history.slot_columns import VECTORS
from pipeline.history.survey import Load, chunks

NO_VECTORS: list[int | list[int]] = [[], [], [], []]


def slot(**values: int) -> list[int | list[int]]:
    plain: list[int | list[int]] = [values.get(name, 0) for name in VECTORS.columns[:-4]]
    return plain + NO_VECTORS


def test_the_ends_of_buckets_are_those_of_the_histogram() -> None:
    ends = np.array(ENDS_US)
    assert len(ENDS_US) == MAX_INDEX + 1
    assert ENDS_US[-1] == MAX_US
    near = np.unique(np.concatenate([ends - 1, ends, ends + 1, np.arange(1, 3_000)]))
    near = near[(near >= 2) & (near <= MAX_US)]
    assert (np.searchsorted(ends, near) == index_of(near)).all()


def test_equal_slots_have_no_difference() -> None:
    assert columns_that_differ(VECTORS.columns, slot(calls=3), slot(calls=3)) == []


def test_each_column_that_differs_is_named_and_no_latency_is_told_as_nothing() -> None:
    expected = slot(calls=3, latency_min_us=5)
    found = slot(calls=4, latency_min_us=NO_MIN_US)
    assert columns_that_differ(VECTORS.columns, expected, found) == [
        ("calls", "3", "4"),
        ("latency_min_us", "5", NOTHING),
    ]


def test_vectors_differ_by_bucket_and_by_status_code() -> None:
    expected, found = slot(), slot()
    expected[-4:], found[-4:] = [[1, 7], [2, 2], [200], [4]], [[1, 8], [2, 2], [200, 404], [4, 1]]
    assert columns_that_differ(VECTORS.columns, expected, found) == [
        ("latency bucket 7", "2", "0"),
        ("latency bucket 8", "0", "2"),
        ("status code 404", "0", "1"),
    ]


def test_chunks_hold_every_pane_and_no_more_rows_than_allowed() -> None:
    load = [Load(0, 5), Load(10, 5), Load(30, 20), Load(40, 1)]
    assert list(chunks(load, 10, rows_at_once=10)) == [
        (Span(0, 20, 10), 10),
        (Span(30, 40, 10), 20),
        (Span(40, 50, 10), 1),
    ]
    assert list(chunks([], 10)) == []


@pytest.mark.parametrize(
    ("closed", "expected"),
    [([], None), ([NEVER_MS], None), ([50, 40], 40), ([7_200_000, 3_599_999, NEVER_MS], 7_200_000)],
)
def test_the_closed_time_is_the_least_of_the_sources_that_are_not_far_behind(
    closed: list[int], expected: int | None
) -> None:
    reached = {Source(1, f"events.operations-{number}"): Reach(9, at_ms) for number, at_ms in enumerate(closed)}
    assert Cut(reached).closed_through_ms() == expected


def test_a_source_that_is_left_out_counts_nothing_and_the_others_stay() -> None:
    one, other = Source(1, "ns.events.operations-3"), Source(2, "ns.events.operations-3")
    cut = Cut({one: Reach(9, 40), other: Reach(7, 30)}).without(frozenset([one]))
    assert cut.parameters()["cut"] == [
        (1, "ns.events.operations-3", "ns.events.operations", 3, 0, NEVER_MS),
        (2, "ns.events.operations-3", "ns.events.operations", 3, 7, 30),
    ]


def test_what_was_compared_adds_up() -> None:
    total = Compared({"slots": 1}, {"slots": 1}, {"rows": 2}) + Compared({"slots": 2, "windows": 3}, {"windows": 1})
    assert (total.counts, total.total_differing, total.left_out) == ({"slots": 3, "windows": 3}, 2, {"rows": 2})
