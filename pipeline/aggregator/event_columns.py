"""Decoded events → columns, as phase 1 counts them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.core.columns import (
    CANCELLED,
    CLIENT_ERROR,
    CRITICAL,
    ERROR,
    FAILED,
    TIMEOUT,
    WARNING,
    Columns,
    SeriesTable,
)
from pipeline.decode.derived import durations_us

TIMEOUT_STATUSES = (408, 504)
OUTCOMES = {None: 0, "ok": 1, "error": 2, "client_error": 3, "timeout": 4, "cancelled": 5}
SEVERITIES = {"warning": WARNING, "error": ERROR, "critical": CRITICAL}


@dataclass(frozen=True, slots=True)
class RecordPlaces:
    """Where the records of a batch lie: int64 arrays, an entry a record."""

    offset: npt.NDArray[np.int64]
    append_ms: npt.NDArray[np.int64]

    @classmethod
    def of(cls, records: Sequence[Any]) -> RecordPlaces:
        """Read them off aiokafka's records."""
        count = len(records)
        return cls(
            np.fromiter((record.offset for record in records), np.int64, count),
            np.fromiter((record.timestamp for record in records), np.int64, count),
        )


def operation_columns(
    events: Sequence[Any], record: Sequence[int], index: Sequence[int], places: RecordPlaces, table: SeriesTable
) -> Columns:
    """Return operation events as columns; `record` and `index` say where in the batch each came from."""
    where = np.asarray(record, np.int64)
    status = np.array([event.status_code or 0 for event in events], np.uint16)
    return Columns(
        record=where,
        index=np.asarray(index, np.int64),
        offset=places.offset[where],
        append_ms=places.append_ms[where],
        timestamp_ms=np.array([event.timestamp_ms for event in events], np.int64),
        series=np.array([table[e.environment, e.service, e.operation] for e in events], np.int32),
        weight=np.array([event.weight for event in events], np.int64),
        flags=_flags(
            np.array([event.success for event in events], np.bool_),
            np.array([OUTCOMES[event.outcome] for event in events], np.uint8),
            status,
        ),
        duration_us=durations_us(np.array([event.duration_ms for event in events], np.float64)),
        status=status,
        event=_objects(events),
    )


def _objects(events: Sequence[Any]) -> npt.NDArray[np.object_]:
    return np.fromiter(events, np.object_, len(events))


def _flags(
    success: npt.NDArray[np.bool_], outcome: npt.NDArray[np.uint8], status: npt.NDArray[np.uint16]
) -> npt.NDArray[np.uint8]:
    cancelled = outcome == OUTCOMES["cancelled"]
    failed = ~success & ~cancelled
    derived = failed & (outcome == OUTCOMES[None])
    slow = np.isin(status, TIMEOUT_STATUSES)
    timeout = (failed & (outcome == OUTCOMES["timeout"])) | (derived & slow)
    client = (failed & (outcome == OUTCOMES["client_error"])) | (derived & ~slow & (status // 100 == 4))  # noqa: PLR2004
    flags = failed * FAILED + timeout * TIMEOUT + client * CLIENT_ERROR + cancelled * CANCELLED
    return np.asarray(flags, np.uint8)


def error_columns(
    events: Sequence[Any], record: Sequence[int], index: Sequence[int], places: RecordPlaces, table: SeriesTable
) -> Columns:
    """Return error events as columns; `record` and `index` say where in the batch each came from."""
    where = np.asarray(record, np.int64)
    return Columns(
        record=where,
        index=np.asarray(index, np.int64),
        offset=places.offset[where],
        append_ms=places.append_ms[where],
        timestamp_ms=np.array([event.timestamp_ms for event in events], np.int64),
        series=np.array([table[e.environment, e.service, e.operation or ""] for e in events], np.int32),
        weight=np.array([event.weight for event in events], np.int64),
        flags=np.array([SEVERITIES[event.severity] for event in events], np.uint8),
        duration_us=None,
        status=None,
        event=_objects(events),
    )


def sample_columns(
    events: Sequence[Any], record: Sequence[int], index: Sequence[int], places: RecordPlaces, table: SeriesTable
) -> Columns:
    """Return sample events as columns: only places and times. They have no panes yet."""
    del table
    where = np.asarray(record, np.int64)
    nothing = np.zeros(len(where), np.int64)
    return Columns(
        record=where,
        index=np.asarray(index, np.int64),
        offset=places.offset[where],
        append_ms=places.append_ms[where],
        timestamp_ms=np.array([event.timestamp_ms for event in events], np.int64),
        series=nothing.astype(np.int32),
        weight=nothing,
        flags=nothing.astype(np.uint8),
        duration_us=None,
        status=None,
    )
