"""Histograms over the columns in use are those over all columns."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.bucket_sums import BucketSums
from pipeline.core.histogram import WIDTH

ROWS = 4

entries = st.lists(
    st.tuples(st.integers(0, ROWS - 1), st.integers(0, WIDTH - 1), st.integers(-5, 5)), min_size=1, max_size=6
)


def sums_of(added: list[tuple[int, int, int]]) -> tuple[BucketSums, np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
    """Entries added one by one, and the same in all columns."""
    sums, dense = BucketSums(), np.zeros((ROWS, WIDTH), np.int64)
    sums.reserve(ROWS)
    for row, column, count in added:
        sums.add(np.array([row]), np.array([column]), np.array([count]))
        dense[row, column] += count
    return sums, dense


@given(entries)
def test_entries_add_up_wherever_they_lie(added: list[tuple[int, int, int]]) -> None:
    one_by_one, dense = sums_of(added)
    at_once = BucketSums()
    at_once.reserve(ROWS)
    at_once.add(*(np.array(column) for column in zip(*added, strict=True)))
    columns = [column for _, column, _ in added]
    for sums in (one_by_one, at_once):
        assert np.array_equal(sums.dense(ROWS), dense)
        assert sums.counts.shape[1] <= max(columns) - min(columns) + 64


@given(entries, entries, st.lists(st.integers(0, ROWS - 1), min_size=ROWS, max_size=ROWS), st.sampled_from([1, -1]))
def test_rows_of_others_are_added_and_subtracted_where_they_go(
    mine: list[tuple[int, int, int]], theirs: list[tuple[int, int, int]], rows: list[int], sign: int
) -> None:
    (sums, dense), (other, other_dense) = sums_of(mine), sums_of(theirs)
    sums.add_rows(np.array(rows), other, sign)
    for place, row in enumerate(rows):
        dense[row] += sign * other_dense[place]
    assert np.array_equal(sums.dense(ROWS), dense)
    sums.add_whole(other)
    assert np.array_equal(sums.dense(ROWS), dense + other_dense)


@given(entries, st.lists(st.integers(0, ROWS - 1), max_size=3))
def test_rows_that_are_taken_are_their_own_and_have_zeros_after_them(
    added: list[tuple[int, int, int]], rows: list[int]
) -> None:
    sums, dense = sums_of(added)
    taken = sums.taken(np.array(rows, np.int64))
    assert np.array_equal(taken.dense(len(rows) + 1), np.vstack([dense[rows], np.zeros((1, WIDTH), np.int64)]))
    taken.counts += 1
    assert np.array_equal(sums.dense(ROWS), dense)


def test_nothing_takes_no_columns_and_counts_widen() -> None:
    sums, other = BucketSums(), BucketSums()
    sums.reserve(2)
    sums.add_rows(np.array([0]), other, 1)
    sums.add_whole(other)
    sums.add(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64))
    assert sums.counts.shape == (2, 0)
    sums.widen()
    sums.add(np.array([1]), np.array([WIDTH - 1]), np.array([2**40]))
    assert sums.is_wide
    assert int(sums.dense(2)[1, WIDTH - 1]) == 2**40
