"""A log of records to feed a source partition with, and a brute-force reading of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from pipeline.core.columns import CANCELLED, FAILED, Columns, SeriesTable
from pipeline.core.histogram import index_of
from pipeline.core.pane_rows import SeriesLimits
from pipeline.core.source import TimeRules

RULES = TimeRules(pane_ms=1_000, out_of_orderness_ms=300, allowed_lateness_ms=700)
LIMITS = SeriesLimits(shards=4, operations=1_000, services=100)


@dataclass(frozen=True)
class Event:
    timestamp_ms: int
    service: str
    operation: str
    duration_us: int
    flags: int = 0
    weight: int = 1
    status: int = 200
    # What an example takes from an event; the same for all, since offset and index tell them apart.
    event_id: str = "e"
    request_id: str | None = None
    trace_id: str | None = None
    outcome: str | None = None
    version: str | None = None
    success: bool = True

    @property
    def status_code(self) -> int:
        return self.status


@dataclass(frozen=True)
class Record:
    """One Kafka record: an array of events, and the broker's time."""

    offset: int
    append_ms: int
    events: tuple[Event, ...]


def columns(records: list[Record], table: SeriesTable) -> Columns:
    """Decode records as the aggregator does."""
    rows = [(place, record, event) for place, record in enumerate(records) for event in record.events]
    return Columns(
        record=np.array([place for place, _, _ in rows], np.int64),
        index=np.array([index for record in records for index in range(len(record.events))], np.int64),
        offset=np.array([record.offset for _, record, _ in rows], np.int64),
        append_ms=np.array([record.append_ms for _, record, _ in rows], np.int64),
        timestamp_ms=np.array([event.timestamp_ms for _, _, event in rows], np.int64),
        series=np.array([table["prod", event.service, event.operation] for _, _, event in rows], np.int32),
        weight=np.array([event.weight for _, _, event in rows], np.int64),
        flags=np.array([event.flags for _, _, event in rows], np.uint8),
        duration_us=np.array([event.duration_us for _, _, event in rows], np.int64),
        status=np.array([event.status for _, _, event in rows], np.uint16),
        event=np.fromiter((event for _, _, event in rows), np.object_, len(rows)),
    )


@dataclass
class Tally:
    """What one series has in one pane, counted one by one."""

    events: int = 0
    calls: int = 0
    failures: int = 0
    cancelled: int = 0
    latency_sum_us: int = 0
    least_us: int = 2**63 - 1
    most_us: int = -1
    buckets: dict[int, int] | None = None
    statuses: dict[int, int] | None = None

    def add(self, event: Event) -> None:
        self.buckets, self.statuses = self.buckets or defaultdict(int), self.statuses or defaultdict(int)
        self.events += 1
        self.calls += event.weight
        self.failures += event.weight if event.flags & FAILED else 0
        self.cancelled += event.weight if event.flags & CANCELLED else 0
        self.latency_sum_us += event.weight * event.duration_us
        self.least_us, self.most_us = min(self.least_us, event.duration_us), max(self.most_us, event.duration_us)
        self.buckets[int(index_of(np.array([event.duration_us]))[0])] += event.weight
        self.statuses[event.status] += event.weight


def brute_force(log: list[Record]) -> tuple[dict[tuple[int, str, str], Tally], int]:
    """Return the tally of every (pane, service, operation) with its roll-ups, and how many events were late."""
    tallies: dict[tuple[int, str, str], Tally] = defaultdict(Tally)
    watermark, late = -(10**15), 0
    for record in log:
        closed = (watermark - RULES.allowed_lateness_ms) // RULES.pane_ms * RULES.pane_ms
        for event in record.events:
            pane = event.timestamp_ms // RULES.pane_ms * RULES.pane_ms
            if pane + RULES.pane_ms <= closed:
                late += 1
                continue
            for service, operation in ((event.service, event.operation), (event.service, ""), ("", "")):
                tallies[pane, service, operation].add(event)
        for event in record.events:
            watermark = max(watermark, min(event.timestamp_ms, record.append_ms) - RULES.out_of_orderness_ms)
    return tallies, late
