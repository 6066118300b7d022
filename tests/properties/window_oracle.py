"""Brute force: what every window must show, straight from a list of events."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pipeline.core.block import ADDITIVE, COLUMN, NO_MIN_US, Block
from pipeline.core.histogram import index_of
from pipeline.core.series import Series
from pipeline.core.step_view import WindowColumns


@dataclass(frozen=True, slots=True)
class Event:
    source: str
    offset: int
    timestamp_ms: int
    series: Series
    latency_us: int
    success: bool = True
    status_code: int = 200
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Figures:
    """One series in one window."""

    scalars: tuple[int, ...]
    hist: tuple[tuple[int, int], ...]
    least_us: int
    greatest_us: int
    status: tuple[tuple[int, int], ...]
    newer: int
    older: int


def bucket(latency_us: int) -> int:
    return int(index_of(np.array([latency_us]))[0])


def scalars_of(events: Iterable[Event]) -> list[int]:
    sums = [0] * len(ADDITIVE)
    for event in events:
        sums[COLUMN["events"]] += 1
        sums[COLUMN["calls"]] += event.weight
        sums[COLUMN["failures"]] += 0 if event.success else event.weight
        sums[COLUMN["latency_sum_us"]] += event.weight * event.latency_us
    return sums


def counts(pairs: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    summed: Counter[int] = Counter()
    for key, weight in pairs:
        summed[key] += weight
    return tuple(sorted(summed.items()))


def figures(events: list[Event], start_ms: int, end_ms: int, pane_ms: int) -> dict[Series, Figures]:
    """Every series with an event in `[start_ms, end_ms)`."""
    half_ms = (end_ms - start_ms) // pane_ms // 2 * pane_ms
    inside = [event for event in events if start_ms <= event.timestamp_ms < end_ms]
    found = {}
    for series in {event.series for event in inside}:
        mine = [event for event in inside if event.series == series]
        found[series] = Figures(
            scalars=tuple(scalars_of(mine)),
            hist=counts((bucket(event.latency_us), event.weight) for event in mine),
            least_us=min(event.latency_us for event in mine),
            greatest_us=max(event.latency_us for event in mine),
            status=counts((event.status_code, event.weight) for event in mine),
            newer=sum(event.weight for event in mine if event.timestamp_ms >= end_ms - half_ms),
            older=sum(event.weight for event in mine if event.timestamp_ms < start_ms + half_ms),
        )
    return found


def shown(series: list[Series], columns: WindowColumns) -> dict[Series, Figures]:
    """The same from a view: only rows that are not empty; a row without events must be zero all over."""
    found = {}
    for row, name in enumerate(series):
        buckets = np.flatnonzero(columns.hist[row])
        status = zip(columns.status_codes.tolist(), columns.status_calls[row].tolist(), strict=True)
        figures_of = Figures(
            scalars=tuple(columns.scalars[row].tolist()),
            hist=tuple((int(place) - 1, int(columns.hist[row, place])) for place in buckets),
            least_us=int(columns.min_us[row]),
            greatest_us=int(columns.max_us[row]),
            status=tuple((code, calls) for code, calls in status if calls),
            newer=int(columns.calls_newer[row]),
            older=int(columns.calls_older[row]),
        )
        if figures_of.scalars[COLUMN["events"]]:
            found[name] = figures_of
        else:
            assert figures_of == Figures((0,) * len(ADDITIVE), (), NO_MIN_US, -1, (), 0, 0), name
    return found


def block_of(events: list[Event]) -> Block:
    """The block that a source would send for these events: series in order of their first event."""
    series = list(dict.fromkeys(event.series for event in events))
    mine = [[event for event in events if event.series == name] for name in series]
    hists = [counts((bucket(event.latency_us), event.weight) for event in each) for each in mine]
    codes = [counts((event.status_code, event.weight) for event in each) for each in mine]
    latencies = [[event.latency_us for event in each] for each in mine]
    return Block(
        series=series,
        scalars=np.array([scalars_of(each) for each in mine], np.int64).reshape(-1, len(ADDITIVE)),
        extremes=np.array([(min(each), max(each)) for each in latencies], np.int64).reshape(-1, 2),
        hist_len=np.array([len(each) for each in hists], np.int64),
        hist_index=np.array([key for each in hists for key, _ in each], np.int16),
        hist_count=np.array([count for each in hists for _, count in each], np.int64),
        status_len=np.array([len(each) for each in codes], np.int64),
        status_code=np.array([key for each in codes for key, _ in each], np.uint16),
        status_count=np.array([count for each in codes for _, count in each], np.int64),
    )
