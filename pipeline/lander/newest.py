"""Which snapshots a newer one makes needless: told by record keys, so that no value is decoded for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from pipeline.core.snapshot_key import SnapshotKey
from pipeline.lander.records import Record

P = TypeVar("P")


class Kept(NamedTuple):
    """A snapshot's record, and the version that its key tells."""

    version: int
    record: Record


@dataclass(slots=True)
class Newest(Generic[P]):
    """Of every pane's part the newest snapshot, open and final ones apart. `P` names a partition.

    The greater version wins, a final one against an open one of the same version, the later record against its equal:
    as ClickHouse decides between rows, so that what is dropped here would have lost there. A final one that an open one
    of a greater version follows stays: marks speak of it.
    """

    opened: dict[tuple[P, bytes], Kept] = field(default_factory=dict)
    finals: dict[tuple[P, bytes], Kept] = field(default_factory=dict)

    def offer(self, partition: P, key: SnapshotKey, record: Record) -> list[Record]:
        """Take a record in, unless a newer one is there; return those that are needless now, it may be one of them."""
        place = partition, key.identity
        final, opened = self.finals.get(place), self.opened.get(place)
        if final is not None and (final.version, True) > (key.version, key.final):
            return [record]
        is_behind = opened is not None and opened.version > key.version
        if is_behind and not key.final:
            return [record]
        needless = [] if opened is None or is_behind else [self.opened.pop(place).record]
        if key.final and final is not None:
            needless.append(final.record)
        (self.finals if key.final else self.opened)[place] = Kept(key.version, record)
        return needless

    def records(self) -> Iterator[Record]:
        """Yield what is kept."""
        for kept in (self.opened, self.finals):
            yield from (one.record for one in kept.values())
