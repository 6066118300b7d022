"""Counting one by one: what panes and windows must hold, straight from what was published."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from pipeline.core.block import ADDITIVE, COLUMN, NO_MIN_US, Block
from pipeline.core.histogram import index_of
from pipeline.core.series import Series
from tests.model.events import Element, Published, Truth

PANE_MS = 10_000
OUT_OF_ORDERNESS_MS = 2_000
LATENESS_MS = 30_000

Place = tuple[str, int, int]
"""Identity of an element: source, offset, place in the record."""


@dataclass(frozen=True)
class Counted:
    """One element that belongs into a pane."""

    source: str
    offset: int
    index: int
    pane_ms: int
    element: Element

    @property
    def place(self) -> Place:
        return (self.source, self.offset, self.index)

    @property
    def rollups(self) -> tuple[Series, ...]:
        series = self.element.series
        return tuple(dict.fromkeys((series, series._replace(operation=""), Series(series.environment, "", ""))))


def counted_in(records: Iterable[Published]) -> Iterator[Counted]:
    """Yield what of some records is to be counted, or late."""
    for record in records:
        for index, element in enumerate(record.elements):
            if element.kind in ("operation", "error"):
                pane_ms = element.timestamp_ms // PANE_MS * PANE_MS
                yield Counted(record.source, record.offset, index, pane_ms, element)


def late_by_the_log(records: list[Published]) -> set[Place]:
    """Return what of one partition is late when its watermark moves by events alone."""
    late, watermark_ms = set(), -(10**15)
    for record in records:
        closed_ms = (watermark_ms - LATENESS_MS) // PANE_MS * PANE_MS
        mine = list(counted_in([record]))
        late |= {one.place for one in mine if one.pane_ms + PANE_MS <= closed_ms}
        told = [min(one.element.timestamp_ms, record.append_ms) - OUT_OF_ORDERNESS_MS for one in mine]
        watermark_ms = max([watermark_ms, *told])
    return late


@dataclass
class Tally:
    """What one series has in a span of time. Comparable."""

    scalars: list[int] = field(default_factory=lambda: [0] * len(ADDITIVE))
    least_us: int = int(NO_MIN_US)
    most_us: int = -1
    buckets: dict[int, int] = field(default_factory=dict)
    statuses: dict[int, int] = field(default_factory=dict)

    def add(self, element: Element) -> None:
        for name, value in _scalars(element):
            self.scalars[COLUMN[name]] += value
        if element.kind == "operation":
            duration_us = round(element.duration_ms * 1_000)
            self.least_us, self.most_us = min(self.least_us, duration_us), max(self.most_us, duration_us)
            bucket = _bucket(duration_us)
            self.buckets[bucket] = self.buckets.get(bucket, 0) + element.weight
            if status := _STATUS[element.verdict]:
                self.statuses[status] = self.statuses.get(status, 0) + element.weight

    def copy(self) -> Tally:
        return Tally(list(self.scalars), self.least_us, self.most_us, self.buckets.copy(), self.statuses.copy())


_STATUS = {"ok": 200, "failed": 500, "client_error": 404, "timeout": 504, "cancelled": 0}


@cache
def _bucket(duration_us: int) -> int:
    return int(index_of(np.array([duration_us]))[0])


@cache
def _scalars(element: Element) -> list[tuple[str, int]]:
    if element.kind == "error":
        return [("error_events", 1), (f"errors_{element.severity}", element.weight)]
    failed = element.verdict in ("failed", "client_error", "timeout")
    found = [("events", 1), ("calls", element.weight)]
    found.append(("latency_sum_us", element.weight * round(element.duration_ms * 1_000)))
    found += [("failures", element.weight)] if failed else []
    named = {"client_error": "client_errors", "timeout": "timeouts", "cancelled": "cancelled"}.get(element.verdict)
    return [*found, (named, element.weight)] if named else found


def rows_of(block: Block) -> dict[Series, Tally]:
    """Return a block's rows as tallies."""
    found = {}
    hist_at = status_at = 0
    for row, series in enumerate(block.series):
        hist = slice(hist_at, hist_at := hist_at + int(block.hist_len[row]))
        status = slice(status_at, status_at := status_at + int(block.status_len[row]))
        found[series] = Tally(
            block.scalars[row].tolist(),
            int(block.extremes[row, 0]),
            int(block.extremes[row, 1]),
            dict(zip(block.hist_index[hist].tolist(), block.hist_count[hist].tolist(), strict=True)),
            dict(zip(block.status_code[status].tolist(), block.status_count[status].tolist(), strict=True)),
        )
    return found


SlotKey = tuple[str, int, Series]
"""(source, pane, series)"""


class Slots:
    """Every slot, counted one by one, as it was after each offset."""

    def __init__(self, truth: Truth, late: Iterable[Place]) -> None:
        self.events: list[Counted] = []
        self._history: defaultdict[SlotKey, list[tuple[int, Tally]]] = defaultdict(list)
        gone = set(late)
        for records in truth.records.values():
            for one in counted_in(records):
                if one.place not in gone:
                    self.events.append(one)
                    self._add(one)

    def _add(self, one: Counted) -> None:
        for series in one.rollups:
            history = self._history[one.source, one.pane_ms, series]
            after = history[-1][1].copy() if history else Tally()
            after.add(one.element)
            history.append((one.offset, after))

    def at(self, key: SlotKey, version: int) -> Tally | None:
        """Return a slot with everything up to an offset; None while there is nothing."""
        found = [tally for offset, tally in self._history.get(key, ()) if offset <= version]
        return found[-1] if found else None

    def newest(self) -> dict[SlotKey, Tally]:
        return {key: history[-1][1] for key, history in self._history.items()}
