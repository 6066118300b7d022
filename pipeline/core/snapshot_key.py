"""The record key of a snapshot on `panes`: what it is of and how new, to be read without its value.

``1/events.operations-3/1732300000000/0/8841/open``: epoch, source, start of the pane, part, version, and ``open`` or
``final``. The shard is the partition that the record lies in.
"""

from __future__ import annotations

from typing import NamedTuple

from pipeline.core.records import Snapshot

_OPEN, _FINAL = b"open", b"final"
_PARTS = 6


class SnapshotKey(NamedTuple):
    """A key that was read. `identity` is the same for all snapshots that replace one another within a partition."""

    identity: bytes
    version: int
    final: bool


def snapshot_key(snapshot: Snapshot) -> bytes:
    """Return the key for a snapshot's record, some 50 bytes."""
    end = _FINAL if snapshot.final else _OPEN
    identity = f"{snapshot.epoch}/{snapshot.source}/{snapshot.pane_start_ms}/{snapshot.part}"
    return f"{identity}/{snapshot.version}/".encode() + end


def read_snapshot_key(key: bytes | None) -> SnapshotKey | None:
    """Return what a key says; None for no key, as marks and the snapshots of older releases have, and for another."""
    parts = key.split(b"/") if key else []
    if len(parts) != _PARTS or not parts[4].isdigit() or parts[5] not in (_OPEN, _FINAL):
        return None
    return SnapshotKey(b"/".join(parts[:4]), int(parts[4]), parts[5] == _FINAL)
