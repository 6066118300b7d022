"""What the aggregator sends: snapshots and marks to `panes`, signals, dead letters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from pipeline.core import records
from pipeline.core.block import pack
from pipeline.core.pane import PartSnapshot
from pipeline.core.records import LateEvents, Mark, Marks, Signal, Snapshot
from pipeline.core.series import Series, shard_of
from pipeline.core.snapshot_key import snapshot_key
from pipeline.core.source import Closing, Late, SourcePartition
from pipeline.faust_ext.producer import Outgoing
from pipeline.settings import Settings
from pipeline.topics import Topics, topics_of


@dataclass(frozen=True, slots=True)
class Outbox:
    """Turns what phase 1 has found into records."""

    topics: Topics
    epoch_of: Callable[[str], int]
    pane_ms: int
    shards: int

    @classmethod
    def of(cls, settings: Settings) -> Outbox:
        """Return the outbox for these settings."""
        return cls(topics_of(settings), settings.epoch_of, settings.pane_seconds * 1000, settings.partitions)

    def final(self, source: str, closings: Iterable[Closing]) -> Iterator[Outgoing]:
        """Yield the final snapshots of closing panes."""
        for closing in closings:
            for part in closing.parts:
                yield self._snapshot(source, closing.pane_start_ms, part, final=True)

    def opened(self, source: str, partition: SourcePartition, table: list[Series]) -> Iterator[Outgoing]:
        """Yield snapshots of what has changed in the open panes."""
        for start_ms, pane in partition.panes.items():
            for part in pane.snapshots(table, everything=False):
                yield self._snapshot(source, start_ms, part, final=False)

    def marks(self, worker: str, told_ms: int, marks: list[Mark]) -> Iterator[Outgoing]:
        """Yield the marks, once to every partition of `panes`."""
        value = records.encode(Marks(worker, told_ms, marks))
        for shard in range(self.shards):
            yield Outgoing(self.topics.panes, shard, None, value)

    def signal(self, signal: Signal) -> Outgoing:
        """Return the record for a critical error, to the shard of its series."""
        return Outgoing(
            self.topics.signals, shard_of(signal.series(), self.shards), None, records.encode_signal(signal)
        )

    def dead_letter(self, value: bytes) -> Outgoing:
        """Return the record for an encoded dead letter."""
        return Outgoing(self.topics.dead, 0, None, value)

    def late(self, source: str, late: Late) -> Outgoing:
        """Return the record that tells which events were late."""
        places = (late.offset.tolist(), late.index.tolist(), late.pane_start_ms.tolist())
        return Outgoing(
            self.topics.late, 0, None, records.encode_late(LateEvents(self._epoch(source), source, *places))
        )

    def _epoch(self, source: str) -> int:
        return self.epoch_of(source.rpartition("-")[0])

    def _snapshot(self, source: str, start_ms: int, part: PartSnapshot, *, final: bool) -> Outgoing:
        snapshot = Snapshot(
            epoch=self._epoch(source),
            source=source,
            pane_start_ms=start_ms,
            pane_ms=self.pane_ms,
            shard=part.shard,
            part=part.part,
            version=part.version,
            final=final,
            block=pack(part.block),
            examples=part.examples,
        )
        return Outgoing(self.topics.panes, part.shard, snapshot_key(snapshot), records.encode(snapshot))
