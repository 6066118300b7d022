"""Batches: records that land together or not at all, and the offsets that may be committed once they have.

What was fetched gathers in two lanes. Open snapshots of panes, which change several times a second, wait in the slow
one for a newer one to take their place; everything else is in the quick one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pipeline.core.snapshot_key import read_snapshot_key
from pipeline.lander.newest import Newest, Snapshot
from pipeline.lander.records import Record

P = TypeVar("P")

MAX_BYTES = 16 * 1024 * 1024
"""Values in one batch: bounds memory when records are large."""
POLL_RECORDS = 1_000
"""Records that one poll adds at most, before their bytes are known."""
OPEN_MS = 5_000
"""How long an open snapshot waits at most. Each is a row for every series in it, and a pane of 10 s changes five times
a second at every source: landed once a second, open panes were more rows than there were events. So it is two or three
times in the life of a pane, and a query sees a pane that is still open as it was at most so long ago."""


@dataclass(frozen=True, slots=True)
class Batch(Generic[P]):
    """Records that land together. `next_offsets` may be committed once they all have: no record below is still held."""

    records: list[Record]
    next_offsets: dict[P, int]


@dataclass(slots=True)
class Lane:
    """How much waits in one lane, and since when; `since_ms` is None while nothing does."""

    wait_ms: int
    max_records: int
    length: int = 0
    value_bytes: int = 0
    largest_bytes: int = 0
    since_ms: int | None = None

    def count(self, records: Sequence[Record], now_ms: int) -> None:
        """Count records that have come, one or more."""
        sizes = [_size(record) for record in records]
        self.length += len(records)
        self.value_bytes += sum(sizes)
        self.largest_bytes = max(self.largest_bytes, *sizes)
        self.since_ms = now_ms if self.since_ms is None else self.since_ms

    def discount(self, record: Record) -> None:
        """Count one less."""
        self.length -= 1
        self.value_bytes -= _size(record)
        self.since_ms = self.since_ms if self.length else None

    def clear(self) -> None:
        """Count none any more."""
        self.length = self.value_bytes = self.largest_bytes = 0
        self.since_ms = None

    def is_full(self) -> bool:
        """Return whether nothing more may be added: another record as large as the largest would be too much."""
        return self.length >= self.max_records or self.value_bytes + self.largest_bytes > MAX_BYTES

    def room(self) -> int:
        """Return how many records to poll for, 1 or more: so few that as large ones as there are fit by their bytes."""
        by_bytes = (MAX_BYTES - self.value_bytes) // max(self.largest_bytes, 1)
        return max(1, min(self.max_records - self.length, by_bytes, POLL_RECORDS))

    def due_ms(self, now_ms: int) -> int | None:
        """Return when its records were due; None when they are not yet, and it is not full either."""
        if self.since_ms is None:
            return None
        due_ms = self.since_ms + self.wait_ms
        return due_ms if due_ms <= now_ms or self.is_full() else None


class Gathering(Generic[P]):
    """Records as they were fetched, until they are taken as batches. `P` names a partition.

    On the topic `panes` the newest snapshots alone are kept (`newest`), as far as records have keys. At most
    `max_records` and `MAX_BYTES` of values wait in either lane, or one record.
    """

    def __init__(self, panes: str, max_records: int, wait_ms: int) -> None:
        self.quick = Lane(wait_ms, max_records)
        self.slow = Lane(OPEN_MS, max_records)
        self._panes = panes
        self._records: dict[P, list[Record]] = {}
        self._newest: Newest[P] = Newest()
        self._ends: dict[P, int] = {}

    @property
    def length(self) -> int:
        """How many records wait."""
        return self.quick.length + self.slow.length

    def add(self, fetched: Mapping[P, Sequence[Record]], now_ms: int) -> None:
        """Take in what was fetched; each partition's records follow on those that were fetched before."""
        for partition, records in fetched.items():
            if not records:
                continue
            self._ends[partition] = records[-1].offset + 1
            if records[0].topic == self._panes:
                self._add_panes(partition, records, now_ms)
            else:
                self._add_quick(partition, records, now_ms)

    def _add_panes(self, partition: P, records: Sequence[Record], now_ms: int) -> None:
        for record in records:
            key = read_snapshot_key(record.key)
            if key is None:
                self._add_quick(partition, [record], now_ms)
                continue
            self._lane(final=key.final).count([record], now_ms)
            for needless in self._newest.offer(partition, Snapshot(key, record)):
                self._lane(final=needless.key.final).discount(needless.record)

    def _add_quick(self, partition: P, records: Sequence[Record], now_ms: int) -> None:
        self._records.setdefault(partition, []).extend(records)
        self.quick.count(records, now_ms)

    def _lane(self, *, final: bool) -> Lane:
        return self.quick if final else self.slow

    def is_full(self) -> bool:
        """Return whether nothing more may be added to one of the lanes."""
        return self.quick.is_full() or self.slow.is_full()

    def room(self) -> int:
        """Return how many records to poll for, 1 or more: they may all belong to one lane."""
        return min(self.quick.room(), self.slow.room())

    def take(self, now_ms: int) -> Batch[P] | None:
        """Return the records of the lane that is full or due, of two the one that was due first; None of neither."""
        quick_ms, slow_ms = self.quick.due_ms(now_ms), self.slow.due_ms(now_ms)
        if slow_ms is not None and (quick_ms is None or slow_ms < quick_ms):
            return self._take_slow()
        return None if quick_ms is None else self._take_quick()

    def rest(self) -> Iterator[Batch[P]]:
        """Yield everything that waits, due or not."""
        if self.quick.length:
            yield self._take_quick()
        if self.slow.length:
            yield self._take_slow()

    def _take_quick(self) -> Batch[P]:
        records = [record for some in self._records.values() for record in some]
        records += self._newest.take(final=True)
        self._records = {}
        self.quick.clear()
        return Batch(records, self._take_ends())

    def _take_slow(self) -> Batch[P]:
        records = self._newest.take(final=False)
        self.slow.clear()
        return Batch(records, self._take_ends())

    def _take_ends(self) -> dict[P, int]:
        """Return up to where each partition may be committed: to its first record that waits on, else to its end."""
        waiting = {partition: records[0].offset for partition, records in self._records.items()}
        for partition, record in self._newest.kept():
            waiting[partition] = min(waiting.get(partition, record.offset), record.offset)
        ends, self._ends = self._ends, {partition: self._ends[partition] for partition in waiting}
        return {partition: waiting.get(partition, end) for partition, end in ends.items()}


def _size(record: Record) -> int:
    return len(record.value or b"")
