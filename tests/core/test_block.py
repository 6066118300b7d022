"""Blocks on the wire: whatever weights the contract allows, an event never makes a worker break."""

import numpy as np

from pipeline.core.block import COLUMN, Block, pack, unpack
from pipeline.core.columns import Columns, SeriesTable
from pipeline.core.pane import Pane
from pipeline.core.pane_rows import SeriesLimits
from schemas.bounds import WEIGHT_GREATEST

EVENTS = 5_000


def heaviest() -> Block:
    """Return what a pane holds after one record with an array of the heaviest events there are, all alike."""
    table = SeriesTable()
    number = table["prod", "shop", "pay"]
    same = np.full(EVENTS, 1)
    events = Columns(
        record=same,
        index=np.arange(EVENTS),
        offset=same,
        append_ms=same,
        timestamp_ms=same,
        series=np.full(EVENTS, number, np.int32),
        weight=same * WEIGHT_GREATEST,
        flags=np.zeros(EVENTS, np.uint8),
        duration_us=same,
        status=np.full(EVENTS, 200, np.uint16),
    )
    pane = Pane(SeriesLimits(1, 10, 10), 0)
    pane.add(events, table.series)
    (part,) = pane.snapshots(table.series, everything=True)
    return part.block


def test_more_calls_than_32_bits_count_travel_whole() -> None:
    block = unpack(pack(heaviest()))
    calls = EVENTS * WEIGHT_GREATEST
    assert calls > 2**32
    assert block.scalars[:, COLUMN["calls"]].tolist() == [calls] * 3
    assert block.hist_count.tolist() == [calls] * 3
    assert block.status_count.tolist() == [calls] * 3


def test_other_counts_stay_narrow() -> None:
    block = heaviest()
    block.hist_count[:] = 7
    packed = pack(block)
    assert (len(packed.hist_count), len(packed.status_count)) == (4 * 3, 8 * 3)
    assert unpack(packed).hist_count.tolist() == [7] * 3
