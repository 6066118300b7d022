"""Events of one pane → what they add, per row. Pure sums: any split of the events gives the same total."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.core import columns as col
from pipeline.core import sparse
from pipeline.core.block import ADDITIVE, COLUMN, NO_MIN_US
from pipeline.core.columns import Columns
from pipeline.core.histogram import MAX_US, index_of
from pipeline.core.sparse import Sparse

Int64s = npt.NDArray[np.int64]

HIST_BITS, STATUS_BITS = 11, 10
"""A sparse code is ``row << bits | column``: the histogram's dense column, or the status code."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What events add. Row ``i`` of the arrays belongs to row ``rows[i]`` of the pane; codes carry the pane's rows."""

    rows: Int64s  # ascending, each once
    scalars: Int64s  # (rows, len(ADDITIVE))
    extremes: Int64s  # (rows, 2)
    last_offset: Int64s  # (rows,)
    latency: Sparse
    status: Sparse


def counts_of(events: Columns, rows: Int64s) -> Counts:
    """Return what events add to the rows they belong to; `rows` has one entry an event."""
    touched, local = np.unique(rows, return_inverse=True)
    scalars = np.zeros((len(touched), len(ADDITIVE)), np.int64)
    extremes = np.tile(np.array([[NO_MIN_US, -1]]), (len(touched), 1))
    last_offset = np.full(len(touched), -1)
    np.maximum.at(last_offset, local, events.offset)
    latency = status = sparse.EMPTY
    weight = None if bool((events.weight == 1).all()) else events.weight
    if events.duration_us is None:
        _add_errors(scalars, local, events, weight)
    else:
        duration_us = np.minimum(events.duration_us, MAX_US)
        _add_operations(scalars, local, events, weight, duration_us)
        np.minimum.at(extremes[:, 0], local, duration_us)
        np.maximum.at(extremes[:, 1], local, duration_us)
        latency = sparse.count(rows << HIST_BITS | (index_of(duration_us).astype(np.int64) + 1), weight)
        status = _statuses(events, rows, weight)
    return Counts(touched, scalars, extremes, last_offset, latency, status)


def _sum(local: Int64s, weight: Int64s | None, size: int) -> Int64s:
    # bincount sums in doubles, exact below 2**53: 65,536 events of one hour each are 2**48 µs.
    return np.bincount(local, weights=weight, minlength=size).astype(np.int64)


def _add_where(scalars: Int64s, name: str, chosen: npt.NDArray[np.bool_], local: Int64s, weight: Int64s | None) -> None:
    if chosen.any():
        scalars[:, COLUMN[name]] = _sum(local[chosen], None if weight is None else weight[chosen], len(scalars))


def _add_operations(
    scalars: Int64s, local: Int64s, events: Columns, weight: Int64s | None, duration_us: Int64s
) -> None:
    scalars[:, COLUMN["events"]] = _sum(local, None, len(scalars))
    scalars[:, COLUMN["calls"]] = _sum(local, weight, len(scalars))
    sums = duration_us if weight is None else duration_us * weight
    scalars[:, COLUMN["latency_sum_us"]] = exact_sum(local, sums, len(scalars))
    for name, bit in (
        ("failures", col.FAILED),
        ("client_errors", col.CLIENT_ERROR),
        ("timeouts", col.TIMEOUT),
        ("cancelled", col.CANCELLED),
    ):
        _add_where(scalars, name, (events.flags & bit) != 0, local, weight)
    assert events.duration_us is not None
    _add_where(scalars, "latency_clamped", events.duration_us > MAX_US, local, weight)


def exact_sum(local: Int64s, values: Int64s, size: int) -> Int64s:
    """Return whole-number sums by row, exact beyond 2**53 too (weights up to a million, durations up to an hour)."""
    high, low = values >> 26, values & ((1 << 26) - 1)
    total = np.bincount(local, weights=high, minlength=size).astype(np.int64) << 26
    return total + np.bincount(local, weights=low, minlength=size).astype(np.int64)


def _add_errors(scalars: Int64s, local: Int64s, events: Columns, weight: Int64s | None) -> None:
    scalars[:, COLUMN["error_events"]] = _sum(local, None, len(scalars))
    for name, severity in (
        ("errors_warning", col.WARNING),
        ("errors_error", col.ERROR),
        ("errors_critical", col.CRITICAL),
    ):
        _add_where(scalars, name, events.flags == severity, local, weight)


def _statuses(events: Columns, rows: Int64s, weight: Int64s | None) -> Sparse:
    assert events.status is not None
    known = events.status > 0
    if not known.any():
        return sparse.EMPTY
    codes = rows[known] << STATUS_BITS | events.status[known].astype(np.int64)
    return sparse.count(codes, None if weight is None else weight[known])
