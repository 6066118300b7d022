"""Merging blocks into one: the same bytes whatever order they come in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from pipeline.core.block import ADDITIVE, NO_MIN_US, Block, Int64s
from pipeline.core.histogram import WIDTH
from pipeline.core.series import Series

_CODES = 2**16


def merge(blocks: Sequence[Block], renames: Mapping[Series, Series] | None = None) -> Block:
    """Return the sum of all blocks: series sorted, buckets and status codes ascending. No block gives an empty one.

    A series in `renames` is counted under its other name (the overflow of the series cap). Cost: one sort of all
    histogram entries, about 0.1 µs each.
    """
    names = [[(renames or {}).get(series, series) for series in block.series] for block in blocks]
    series = sorted({name for each in names for name in each})
    place = {name: row for row, name in enumerate(series)}
    rows = [np.array([place[name] for name in each], np.int64) for each in names]
    scalars = np.zeros((len(series), len(ADDITIVE)), np.int64)
    extremes = no_extremes(len(series))
    for block, at in zip(blocks, rows, strict=True):
        np.add.at(scalars, at, block.scalars)
        widen(extremes, at, block.extremes)
    buckets = [
        at[block.hist_rows()] * WIDTH + (block.hist_index.astype(np.int64) + 1) for block, at in _pairs(blocks, rows)
    ]
    codes = [at[block.status_rows()] * _CODES + block.status_code for block, at in _pairs(blocks, rows)]
    hist_key, hist_count = _summed(buckets, [block.hist_count for block in blocks])
    status_key, status_count = _summed(codes, [block.status_count for block in blocks])
    return Block(
        series=series,
        scalars=scalars,
        extremes=extremes,
        hist_len=np.bincount(hist_key // WIDTH, minlength=len(series)).astype(np.int64),
        hist_index=(hist_key % WIDTH - 1).astype(np.int16),
        hist_count=hist_count,
        status_len=np.bincount(status_key // _CODES, minlength=len(series)).astype(np.int64),
        status_code=(status_key % _CODES).astype(np.uint16),
        status_count=status_count,
    )


def no_extremes(rows: int) -> Int64s:
    """Return extremes of rows without any latency, shape (rows, 2)."""
    return np.tile(np.array([NO_MIN_US, -1], np.int64), (rows, 1))


def widen(extremes: Int64s, rows: Int64s, by: Int64s) -> None:
    """Let `extremes[rows[n]]` take in the least and greatest latency `by[n]`; rows may repeat."""
    np.minimum.at(extremes[:, 0], rows, by[:, 0])
    np.maximum.at(extremes[:, 1], rows, by[:, 1])


def parts_of(block: Block, size: int) -> Iterator[Block]:
    """Yield the block in parts of at most `size` series, in order; at least one part."""
    hist_ends = np.concatenate(([0], np.cumsum(block.hist_len)))
    status_ends = np.concatenate(([0], np.cumsum(block.status_len)))
    for first in range(0, max(block.rows, 1), size):
        rows = slice(first, min(first + size, block.rows))
        hist = slice(int(hist_ends[rows.start]), int(hist_ends[rows.stop]))
        status = slice(int(status_ends[rows.start]), int(status_ends[rows.stop]))
        yield Block(
            series=block.series[rows],
            scalars=block.scalars[rows],
            extremes=block.extremes[rows],
            hist_len=block.hist_len[rows],
            hist_index=block.hist_index[hist],
            hist_count=block.hist_count[hist],
            status_len=block.status_len[rows],
            status_code=block.status_code[status],
            status_count=block.status_count[status],
        )


def _pairs(blocks: Sequence[Block], rows: Sequence[Int64s]) -> Iterator[tuple[Block, Int64s]]:
    return zip(blocks, rows, strict=True)


def _summed(keys: Sequence[Int64s], counts: Sequence[Int64s]) -> tuple[Int64s, Int64s]:
    if not any(key.size for key in keys):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    key, count = np.concatenate(keys), np.concatenate(counts)
    order = np.argsort(key, kind="stable")
    key, count = key[order], count[order]
    starts = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))
    return key[starts], np.add.reduceat(count, starts)
