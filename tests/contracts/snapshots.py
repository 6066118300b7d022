"""Blocks, snapshots and marks for tests, built from plain durations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.core.block import ADDITIVE, COLUMN, NO_MIN_US, Block, pack
from pipeline.core.histogram import index_of
from pipeline.core.records import Mark, Marks, Snapshot
from pipeline.core.series import Series
from tests.contracts.kafka_records import NOW_MS

PANE_MS = 10_000


def block_of(durations_us: Mapping[Series, Sequence[int]]) -> Block:
    """Return the block of successful calls with status 200 and these durations."""
    scalars = np.zeros((len(durations_us), len(ADDITIVE)), np.int64)
    extremes, hist_len, index, count, calls = [], [], [], [], []
    for row, values in enumerate(durations_us.values()):
        taken = np.asarray(values, np.int64)
        scalars[row, [COLUMN["events"], COLUMN["calls"]]] = len(taken)
        scalars[row, COLUMN["latency_sum_us"]] = taken.sum()
        extremes.append((taken.min(), taken.max()) if len(taken) else (NO_MIN_US, -1))
        buckets, counts = np.unique(index_of(taken), return_counts=True)
        hist_len.append(len(buckets))
        index.append(buckets)
        count.append(counts)
        calls.append(len(taken))
    return Block(
        series=list(durations_us),
        scalars=scalars,
        extremes=np.array(extremes, np.int64).reshape(-1, 2),
        hist_len=np.array(hist_len, np.int64),
        hist_index=np.concatenate([np.zeros(0, np.int16), *index]).astype(np.int16),
        hist_count=np.concatenate([np.zeros(0, np.int64), *count]).astype(np.int64),
        status_len=np.ones(len(calls), np.int64),
        status_code=np.full(len(calls), 200, np.uint16),
        status_count=np.array(calls, np.int64),
    )


def snapshot(
    block: Block,
    *,
    source: str = "events.operations-0",
    pane_start_ms: int = NOW_MS,
    version: int = 1,
    final: bool = True,
    part: int = 0,
) -> Snapshot:
    """Return a snapshot of a block."""
    return Snapshot(1, source, pane_start_ms, PANE_MS, 0, part, version, final, pack(block))


def mark(source: str = "events.operations-0", *, position: int = 1, closed_through_ms: int | None = None) -> Mark:
    """Return a mark that has counted as many operations as its position says."""
    return Mark(
        1, source, position, NOW_MS, closed_through_ms, idle=False, operations=position, errors=0, late=0, dead=0
    )


def marks(*some: Mark) -> Marks:
    """Return marks as one aggregator tells them."""
    return Marks("worker-1", NOW_MS, list(some))
