"""Keys of the evaluator's tables. Each begins with its shard, so that a partition's records are found by their key."""

from __future__ import annotations

import msgspec

from pipeline.core.alert_state import AlertState, state_key
from pipeline.core.closed_pane import ClosedKey
from pipeline.core.series import Series, shard_of


def closed_key(key: ClosedKey) -> bytes:
    """Return the record key of one part of a closed pane: ``shard/pane_start_ms/part``."""
    return f"{key.shard}/{key.pane_start_ms}/{key.part}".encode()


def closed_key_of(key: bytes) -> ClosedKey:
    """Return what `closed_key` made the key from."""
    shard, start_ms, part = key.split(b"/")
    return ClosedKey(int(start_ms), int(shard), int(part))


def windows_key(shard: int, part: int) -> bytes:
    """Return the record key of one part of a shard's latest windows: ``shard/part``."""
    return f"{shard}/{part}".encode()


def seen_key(shard: int, *, long: bool = False) -> bytes:
    """Return the record key, in the table `windows`, of the series that a shard has seen: ``shard/seen``.

    Of its long windows it is ``shard/seen-long``.
    """
    return f"{shard}/seen{'-long' if long else ''}".encode()


def alert_key(state: AlertState) -> bytes:
    """Return the record key of an alert's state."""
    return state_key(state.rule, state.series).encode()


def shard_of_alert(key: bytes, shards: int) -> int:
    """Return the shard that owns an alert's state, from its record key."""
    _, *series = msgspec.json.decode(key)
    return shard_of(Series(*series), shards)
