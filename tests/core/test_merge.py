"""Merging blocks: order does not matter, names may be changed, parts are the whole."""

import itertools

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.block import COLUMN, NO_MIN_US, Block, pack
from pipeline.core.merge import merge, parts_of
from pipeline.core.series import Series
from tests.properties.window_oracle import Event, block_of

PAY, REFUND, ALL = Series("prod", "shop", "pay"), Series("prod", "shop", "refund"), Series("prod", "", "")

events = st.builds(
    Event,
    source=st.just("s"),
    offset=st.just(0),
    timestamp_ms=st.just(0),
    series=st.sampled_from([PAY, REFUND, ALL]),
    latency_us=st.integers(0, 10**7),
    success=st.booleans(),
    status_code=st.sampled_from([200, 404, 500]),
    weight=st.integers(1, 1_000_000),
)
blocks = st.lists(st.lists(events, max_size=5).map(block_of), max_size=4)


def as_bytes(block: Block) -> bytes:
    return msgspec.msgpack.encode(pack(block))


@given(blocks)
def test_merging_is_the_same_in_any_order_and_grouping(several: list[Block]) -> None:
    expected = as_bytes(merge(several))
    for order in itertools.islice(itertools.permutations(several), 6):
        assert as_bytes(merge(order)) == expected
    assert as_bytes(merge([merge(several[:2]), merge(several[2:])])) == expected


@given(st.lists(st.lists(events, max_size=5), max_size=4))
def test_merging_blocks_is_counting_all_their_events(several: list[list[Event]]) -> None:
    together = merge([block_of([event for each in several for event in each])])
    assert as_bytes(merge([block_of(each) for each in several])) == as_bytes(together)


def test_nothing_merged_is_an_empty_block() -> None:
    assert merge([]).rows == 0
    assert merge([]).hist_index.size == 0


def test_a_renamed_series_is_counted_under_its_other_name() -> None:
    block = block_of([Event("s", n, 0, name, 5) for n, name in enumerate((PAY, REFUND, ALL))])
    merged = merge([block], {PAY: REFUND})
    assert merged.series == [ALL, REFUND]
    assert merged.scalars[:, COLUMN["calls"]].tolist() == [1, 2]
    assert merged.hist_count.tolist() == [1, 2]


def test_a_series_without_latency_keeps_its_empty_extremes() -> None:
    block = block_of([Event("s", 0, 0, PAY, 5)])
    none = Block(
        [ALL],
        np.zeros_like(block.scalars),
        np.array([[NO_MIN_US, -1]]),
        np.zeros(1, np.int64),
        np.zeros(0, np.int16),
        np.zeros(0, np.int64),
        np.zeros(1, np.int64),
        np.zeros(0, np.uint16),
        np.zeros(0, np.int64),
    )
    assert merge([block, none]).extremes.tolist() == [[NO_MIN_US, -1], [5, 5]]


@given(blocks, st.integers(1, 4))
def test_the_parts_of_a_block_are_the_whole(several: list[Block], size: int) -> None:
    whole = merge(several)
    parts = list(parts_of(whole, size))
    assert len(parts) == max(1, -(-whole.rows // size))
    assert all(part.rows <= size for part in parts)
    assert as_bytes(merge(parts)) == as_bytes(whole)
