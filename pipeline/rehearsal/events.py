"""Traffic → the columns that the aggregator counts, tick by tick."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from pipeline.core.columns import CANCELLED, CLIENT_ERROR, CRITICAL, ERROR, FAILED, TIMEOUT, WARNING, Columns
from pipeline.rehearsal.script import Traffic

Int64s = npt.NDArray[np.int64]
_OUTCOME_FLAGS = {"error": FAILED, "client_error": FAILED | CLIENT_ERROR, "timeout": FAILED | TIMEOUT}
_SEVERITY_FLAGS = {"warning": WARNING, "error": ERROR, "critical": CRITICAL}


@dataclass(frozen=True, slots=True)
class Happening:
    """Events of one kind in order of time; arrays of one length. `series` is the number of their traffic's series."""

    at_ms: Int64s
    series: npt.NDArray[np.int32]
    flags: npt.NDArray[np.uint8]
    duration_us: Int64s | None

    def ticks(self, tick_ms: int) -> Iterator[tuple[int, Columns]]:
        """Yield the events of each tick that has any, with the tick's number."""
        numbers = self.at_ms // tick_ms
        edges = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)] if len(numbers) else [0]
        for begin, end in pairwise(edges):
            yield int(numbers[begin]), self._columns(begin, end)

    def _columns(self, begin: int, end: int) -> Columns:
        offset = np.arange(begin, end, dtype=np.int64)
        here = slice(begin, end)
        operations = self.duration_us is not None
        return Columns(
            record=offset - begin,
            index=np.zeros(end - begin, np.int64),
            offset=offset,
            append_ms=self.at_ms[here],
            timestamp_ms=self.at_ms[here],
            series=self.series[here],
            weight=np.ones(end - begin, np.int64),
            flags=self.flags[here],
            duration_us=None if self.duration_us is None else self.duration_us[here],
            status=np.zeros(end - begin, np.uint16) if operations else None,
        )


def spread(share: Fraction, count: int) -> npt.NDArray[np.bool_]:
    """Return which of so many events are chosen, shape (count,): evenly, exactly, and the same each time.

    Of the first n, `floor(share * n)`: 3 % of 100 are the 34th, the 67th and the 100th.
    """
    upper, lower = share.as_integer_ratio()
    chosen = np.arange(count + 1, dtype=np.int64) * upper // lower
    return np.asarray(np.diff(chosen) > 0)


def happening(traffic: Sequence[Traffic], *, errors: bool, start_ms: int) -> Happening:
    """Return the events of one kind, all traffic together: calls, or error events."""
    parts = [_part(one, number, start_ms) for number, one in enumerate(traffic) if (one.error is not None) == errors]
    at_ms, series, flags, durations_us = (
        np.concatenate([part[column] for part in parts]) if parts else np.zeros(0, np.int64) for column in range(4)
    )
    order = np.argsort(at_ms, kind="stable")
    return Happening(
        at_ms[order],
        series[order].astype(np.int32),
        flags[order].astype(np.uint8),
        None if errors else durations_us[order],
    )


def _part(one: Traffic, number: int, start_ms: int) -> tuple[Int64s, Int64s, Int64s, Int64s]:
    times = np.arange(one.from_ms, one.end_ms, one.every_ms, dtype=np.int64)
    at_ms = np.repeat(times, one.calls) + start_ms
    count = len(at_ms)
    if one.error is not None:
        flags = np.full(count, _SEVERITY_FLAGS[one.error])
    else:
        failed = spread(one.failed, count) * _OUTCOME_FLAGS[one.outcome]
        flags = np.where(spread(one.cancelled, count), CANCELLED, failed)
    return at_ms, np.full(count, number), flags, np.full(count, one.duration_us)
