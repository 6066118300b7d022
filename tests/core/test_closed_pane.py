"""Records of the table of closed panes."""

import dataclasses

import numpy as np
import pytest

from pipeline.core.closed_pane import (
    ClosedKey,
    ClosedPane,
    ClosedPart,
    blocks_of,
    decode_closed,
    encode_closed,
    whole,
)
from pipeline.core.merge import merge
from pipeline.core.series import Series
from tests.properties.window_oracle import Event, block_of


def pane(series: int) -> ClosedPane:
    names = [Series("prod", "shop", f"op{number:03}") for number in range(series)]
    block = merge([block_of([Event("s", 0, 0, name, 7) for name in names])])
    return ClosedPane(70_000, 3, block)


def test_a_pane_is_written_in_parts_of_128_series_and_read_back_whole() -> None:
    records = pane(300).records()
    assert [key for key, _ in records] == [ClosedKey(70_000, 3, part) for part in range(3)]
    blocks = blocks_of([value for _, value in records])
    assert [block.rows for block in blocks] == [128, 128, 44]
    assert merge(blocks).series == pane(300).block.series
    assert merge(blocks).scalars.tolist() == pane(300).block.scalars.tolist()


def test_a_pane_without_series_is_one_empty_part() -> None:
    ((key, value),) = pane(0).records()
    assert (key.part, decode_closed(value).block.rows) == (0, 0)


def test_a_missing_part_is_noticed() -> None:
    parts = [decode_closed(value) for _, value in pane(300).records()]
    assert whole(parts)
    assert not whole(parts[:2])
    assert not whole(parts[1:])
    assert not whole([])


def test_counts_beyond_32_bits_survive() -> None:
    block = dataclasses.replace(
        pane(1).block,
        hist_count=np.array([2**40]),
        status_count=np.array([2**33]),
        scalars=pane(1).block.scalars * 2**40,
    )
    back = decode_closed(encode_closed(ClosedPart(0, 1, block))).block
    assert (back.hist_count.tolist(), back.status_count.tolist()) == ([2**40], [2**33])
    assert back.scalars.tolist() == block.scalars.tolist()


def test_equal_panes_give_equal_bytes() -> None:
    assert pane(130).records() == pane(130).records()


def test_a_format_of_another_release_is_refused_with_its_number() -> None:
    with pytest.raises(ValueError, match="format 07; this release reads 01"):
        decode_closed(b"\x07abc")
    with pytest.raises(ValueError, match="format none"):
        decode_closed(b"")
