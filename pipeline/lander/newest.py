"""Which snapshots a newer one makes needless: told by record keys, so that no value is decoded for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, NamedTuple, TypeVar

from pipeline.core.snapshot_key import SnapshotKey
from pipeline.lander.records import Record

P = TypeVar("P")


class Snapshot(NamedTuple):
    """A snapshot that is not decoded."""

    key: SnapshotKey
    record: Record


class Newest(Generic[P]):
    """Of every pane's part the newest snapshot, open and final ones apart. `P` names a partition.

    The greater version wins, a final one against an open one of the same version, the later record against its equal:
    as ClickHouse decides between rows, so that what is dropped here would have lost there. An open one of a greater
    version than a final one stays beside it: the final one is not to wait for it, since marks speak of it.
    """

    def __init__(self) -> None:
        self._opened: dict[tuple[P, bytes], Snapshot] = {}
        self._finals: dict[tuple[P, bytes], Snapshot] = {}

    def offer(self, partition: P, snapshot: Snapshot) -> list[Snapshot]:
        """Take one in, unless a newer one is there; return those that are needless now, it may be one of them."""
        key, place = snapshot.key, (partition, snapshot.key.identity)
        final, opened = self._finals.get(place), self._opened.get(place)
        if final is not None and (final.key.version, True) > (key.version, key.final):
            return [snapshot]
        open_is_newer = opened is not None and opened.key.version > key.version
        if open_is_newer and not key.final:
            return [snapshot]
        needless = [] if opened is None or open_is_newer else [self._opened.pop(place)]
        if key.final and final is not None:
            needless.append(final)
        (self._finals if key.final else self._opened)[place] = snapshot
        return needless

    def kept(self) -> Iterator[tuple[P, Record]]:
        """Yield what is there, with its partition."""
        for some in (self._opened, self._finals):
            yield from ((partition, one.record) for (partition, _), one in some.items())

    def take(self, *, final: bool) -> list[Record]:
        """Return the records of all final snapshots, or of all open ones, and keep them no longer."""
        some = self._finals if final else self._opened
        records = [one.record for one in some.values()]
        some.clear()
        return records
