"""Dense sums: adding and subtracting is exact."""

import dataclasses

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.block import COLUMN
from pipeline.core.series import Series
from pipeline.core.sums import StatusColumns, Sums
from tests.core.test_merge import events
from tests.properties.window_oracle import Event, block_of

PAY = Series("prod", "shop", "pay")


@given(several=st.lists(st.lists(events, max_size=6), max_size=4), dense=st.booleans())
def test_what_was_added_can_be_subtracted_until_nothing_is_left(several: list[list[Event]], *, dense: bool) -> None:
    columns = StatusColumns()
    sums = Sums(columns)
    added = []
    for place, each in enumerate(several):
        block, rows = block_of(each), np.arange(len({event.series for event in each})) + place
        other = Sums(columns)
        other.add_block(np.arange(block.rows), block, 1)
        added.append((rows, block, other))
        sums.add_block(rows, block, 1)
    assert int(sums.scalars[:, COLUMN["calls"]].sum()) == sum(event.weight for each in several for event in each)
    assert int(sums.hist.sum()) == int(sums.status.sum()) == int(sums.scalars[:, COLUMN["calls"]].sum())
    for rows, block, other in added:
        if dense:
            sums.add_sums(rows, other, -1)
        else:
            sums.add_block(rows, block, -1)
    for left in (sums.scalars, sums.hist, sums.status):
        assert np.count_nonzero(left) == 0


def test_several_series_may_go_to_one_row() -> None:
    names = [PAY, Series("prod", "shop", "refund")]
    block = block_of([Event("s", 0, 0, name, 9) for name in names])
    sums, dense = Sums(StatusColumns()), Sums(StatusColumns())
    sums.add_block(np.array([4, 4]), block, 1)
    assert sums.scalars[4, COLUMN["calls"]] == sums.hist[4].sum() == sums.status[4].sum() == 2
    dense = Sums(sums.columns)
    dense.add_block(np.array([0, 1]), block, 1)
    sums.add_sums(np.array([4, 4]), dense, 1)
    assert sums.scalars[4, COLUMN["calls"]] == sums.hist[4].sum() == sums.status[4].sum() == 4


def test_counts_beyond_32_bits_widen_the_histogram() -> None:
    one = block_of([Event("s", 0, 0, PAY, 9)])
    many = 2**31
    block = dataclasses.replace(
        one, scalars=one.scalars * many, hist_count=one.hist_count * many, status_count=one.status_count * many
    )
    sums = Sums(StatusColumns())
    sums.add_block(np.array([0]), one, 1)
    assert sums.hist.dtype == np.int32
    sums.add_block(np.array([0]), block, 1)
    assert sums.hist[0].sum() == many + 1


def test_status_codes_get_columns_as_they_come() -> None:
    sums = Sums(StatusColumns())
    for code in range(200, 220):
        sums.add_block(np.array([0]), block_of([Event("s", 0, 0, PAY, 9, status_code=code)]), 1)
    assert sums.columns.codes == list(range(200, 220))
    assert sums.status[0, :20].tolist() == [1] * 20


def test_a_copy_is_its_own() -> None:
    sums = Sums(StatusColumns())
    sums.add_block(np.array([0]), block_of([Event("s", 0, 0, PAY, 9)]), 1)
    twin = sums.copy()
    twin.add_block(np.array([0]), block_of([Event("s", 0, 0, PAY, 9)]), 1)
    assert (sums.hist.sum(), twin.hist.sum()) == (1, 2)


def test_rows_that_are_taken_have_room_for_what_nobody_asked_for_and_may_be_added_to() -> None:
    names = [PAY, Series("prod", "shop", "refund"), Series("prod", "shop", "search")]
    block = block_of([Event("s", 0, place, name, 9) for place, name in enumerate(names) for _ in range(place + 1)])
    sums = Sums(StatusColumns())
    sums.add_block(np.arange(3), block, 1)
    taken = sums.taken(np.array([2, 0]))
    assert taken.scalars[:, COLUMN["calls"]].tolist() == [3, 1, 0]
    many = Sums(sums.columns)
    many.add_block(np.array([1]), block_of([Event("s", 0, 0, PAY, 9, weight=2**31)]), 1)
    many.reserve(40)
    taken.add_whole(many)
    assert taken.scalars[:, COLUMN["calls"]].tolist() == taken.hist.sum(axis=1).tolist() == [3, 2**31 + 1, 0]
    assert taken.status.sum(axis=1).tolist() == [3, 2**31 + 1, 0]
    assert sums.scalars[:, COLUMN["calls"]].tolist() == [1, 2, 3, *[0] * 13]
