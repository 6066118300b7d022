"""A batch: records of any number of partitions that land together or not at all.

Of each partition it has a contiguous range, without the snapshots that a newer one in it makes needless.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from pipeline.core.snapshot_key import read_snapshot_key
from pipeline.lander.newest import Newest
from pipeline.lander.records import Record

P = TypeVar("P")

MAX_BYTES = 16 * 1024 * 1024
"""Values in one batch: bounds memory when records are large."""
POLL_RECORDS = 1_000
"""Records that one poll adds at most, before their bytes are known."""


@dataclass(slots=True)
class Batch(Generic[P]):
    """Records as they were fetched, by partition. `P` names a partition.

    On the topic `panes` the newest snapshots alone are kept (`newest`), as far as records have keys. `ends` is where
    each partition was read to. `started_ms` is when the first record came, None as long as there is none;
    `largest_bytes` is its largest value.
    """

    panes: str
    records: dict[P, list[Record]] = field(default_factory=dict)
    newest: Newest[P] = field(default_factory=Newest)
    ends: dict[P, int] = field(default_factory=dict)
    length: int = 0
    value_bytes: int = 0
    started_ms: int | None = None
    largest_bytes: int = 0

    def add(self, fetched: Mapping[P, Sequence[Record]], now_ms: int) -> None:
        """Append what was fetched; each partition's records follow on those that are there."""
        for partition, records in fetched.items():
            if not records:
                continue
            self.ends[partition] = records[-1].offset + 1
            sizes = [len(record.value or b"") for record in records]
            self.length += len(records)
            self.value_bytes += sum(sizes)
            self.largest_bytes = max(self.largest_bytes, *sizes)
            kept = self._without_needless(partition, records) if records[0].topic == self.panes else records
            self.records.setdefault(partition, []).extend(kept)
        if self.started_ms is None and self.length:
            self.started_ms = now_ms

    def _without_needless(self, partition: P, records: Sequence[Record]) -> Iterator[Record]:
        """Yield those without the key of a snapshot; keep of the others the newest."""
        for record in records:
            key = read_snapshot_key(record.key)
            if key is None:
                yield record
                continue
            for needless in self.newest.offer(partition, key, record):
                self.length -= 1
                self.value_bytes -= len(needless.value or b"")

    def is_full(self, max_records: int) -> bool:
        """Return whether nothing more may be added: another record as large as the largest would be too much."""
        return self.length >= max_records or self.value_bytes + self.largest_bytes > MAX_BYTES

    def room(self, max_records: int) -> int:
        """Return how many records to poll for, 1 or more: so few that as large ones as there are fit by their bytes."""
        by_bytes = (MAX_BYTES - self.value_bytes) // max(self.largest_bytes, 1)
        return max(1, min(max_records - self.length, by_bytes, POLL_RECORDS))

    def is_due(self, now_ms: int, wait_ms: int) -> bool:
        """Return whether its first record has waited long enough."""
        return self.started_ms is not None and now_ms - self.started_ms >= wait_ms

    def in_order(self) -> Iterator[Record]:
        """Yield all records, partition by partition, and then the snapshots that have keys."""
        for records in self.records.values():
            yield from records
        yield from self.newest.records()

    def next_offsets(self) -> dict[P, int]:
        """Return by partition the offset to commit once everything has landed, also past what was needless."""
        return dict(self.ends)
