"""One batch of a partition of ``events.*`` as the oracle sees it: what each event adds, what was refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from faults.verdict.fingerprint import GREATEST_US, bucket_of, bucket_prints, status_prints
from faults.verdict.names import Names
from faults.verdict.sums import AT, NO_EXTREMES, WIDTH
from pipeline.core.series import Series
from pipeline.decode.kinds import TopicKind
from pipeline.decode.result import Decoded

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

INDEX_BITS = 16
"""An event's place in its partition is ``offset << INDEX_BITS | index``."""


@dataclass(frozen=True, slots=True)
class Events:
    """Events of one batch in log order; arrays of one length.

    `place` says offset and index in one number, `linear` and `extremes` what each event adds (see `sums.LINEAR`),
    `value` a number made of its content, for the comparison with raw rows.
    """

    record: Int64s
    place: Int64s
    append_ms: Int64s
    timestamp_ms: Int64s
    series: Int64s
    linear: Int64s
    extremes: Int64s
    value: Int64s

    def __len__(self) -> int:
        return len(self.place)

    def only(self, chosen: Bools) -> Events:
        """Return the chosen events."""
        return Events(*(getattr(self, name)[chosen] for name in self.__slots__))


def events_of(kind: TopicKind, decoded: Decoded[Any], records: Sequence[Any], series: Names[Series]) -> Events:
    """Return the events of one batch as arrays."""
    events, record = decoded.events, np.asarray(decoded.record_of, np.int64)
    offset = np.fromiter((one.offset for one in records), np.int64, len(records))[record]
    append_ms = np.fromiter((one.timestamp for one in records), np.int64, len(records))[record]
    timestamp_ms = np.fromiter((event.timestamp_ms for event in events), np.int64, len(events))
    linear, extremes, value = _ADDED[kind](events)
    return Events(
        record=record,
        place=offset << INDEX_BITS | np.asarray(decoded.index_of, np.int64),
        append_ms=append_ms,
        timestamp_ms=timestamp_ms,
        series=_series(kind, events, series),
        linear=linear,
        extremes=extremes,
        value=value,
    )


def _series(kind: TopicKind, events: Sequence[Any], series: Names[Series]) -> Int64s:
    if kind == "samples":
        return np.zeros(len(events), np.int64)
    names = (series[Series(event.environment, event.service, event.operation or "")] for event in events)
    return np.fromiter(names, np.int64, len(events))


def _of_operations(events: Sequence[Any]) -> tuple[Int64s, Int64s, Int64s]:
    count = len(events)
    weight = np.fromiter((event.weight for event in events), np.int64, count)
    status = np.fromiter((event.status_code or 0 for event in events), np.int64, count)
    whole_us = np.rint(np.fromiter((event.duration_ms for event in events), np.float64, count) * 1000).astype(np.int64)
    duration_us = np.minimum(whole_us, GREATEST_US)
    linear = np.zeros((count, WIDTH), np.int64)
    linear[:, AT["events"]] = 1
    linear[:, AT["calls"]] = weight
    for place, event in enumerate(events):
        if not event.success or event.outcome == "cancelled":
            linear[place, _COUNTED_AS[_ended(event)]] = event.weight
    linear[:, AT["latency_sum_us"]] = weight * duration_us
    linear[:, AT["latency_clamped"]] = weight * (whole_us > GREATEST_US)
    linear[:, AT["buckets"]] = weight * bucket_prints(bucket_of(duration_us))
    linear[:, AT["statuses"]] = weight * status_prints(status) * (status > 0)
    return linear, np.column_stack((duration_us, duration_us)), whole_us * 8 + weight


_COUNTED_AS = {
    "cancelled": [AT["cancelled"]],
    "error": [AT["failures"]],
    "ok": [AT["failures"]],  # an outcome that contradicts `success`
    "timeout": [AT["failures"], AT["timeouts"]],
    "client_error": [AT["failures"], AT["client_errors"]],
}


def _ended(event: Any) -> str:
    """Return how a call that failed or was cancelled ended: its outcome, else by its status code."""
    if event.outcome is not None:
        return str(event.outcome)
    status = event.status_code or 0
    if status in (408, 504):
        return "timeout"
    return "client_error" if 400 <= status <= 499 else "error"


_SEVERITIES = ("warning", "error", "critical")


def _of_errors(events: Sequence[Any]) -> tuple[Int64s, Int64s, Int64s]:
    count = len(events)
    weight = np.fromiter((event.weight for event in events), np.int64, count)
    severity = np.fromiter((_SEVERITIES.index(event.severity) for event in events), np.int64, count)
    linear = np.zeros((count, WIDTH), np.int64)
    linear[:, AT["error_events"]] = 1
    linear[np.arange(count), AT["errors_warning"] + severity] = weight
    return linear, np.tile(np.array([NO_EXTREMES]), (count, 1)), severity * 8 + weight


def _of_samples(events: Sequence[Any]) -> tuple[Int64s, Int64s, Int64s]:
    count = len(events)
    return np.zeros((count, WIDTH), np.int64), np.zeros((count, 2), np.int64), np.zeros(count, np.int64)


_ADDED = {"operations": _of_operations, "errors": _of_errors, "samples": _of_samples}
