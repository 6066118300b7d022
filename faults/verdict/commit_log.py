"""Every commit of the groups, as the broker keeps it in its own topic: nothing that is committed may ever go back."""

from __future__ import annotations

import contextlib
import struct
from dataclasses import dataclass, field

import msgspec

from faults.verdict.clock import clock
from pipeline.core import commit_state
from pipeline.core.window_config import decode_state
from pipeline.evaluator import commit
from pipeline.settings import Settings

OFFSETS_TOPIC = "__consumer_offsets"
ROLES = ("aggregator", "evaluator", "lander")

_COMPLAINTS_KEPT = 1_000
_COMMIT_KEYS = (0, 1)
_FLEXIBLE = 4
"""From this version of the value on, lengths are variable (Kafka's OffsetCommitValue.json)."""


@dataclass
class CommitLog:
    """The greatest of everything that each group has committed on each partition, and where it went back."""

    settings: Settings
    commits: int = 0
    complaints: list[str] = field(default_factory=list)
    _greatest: dict[tuple[str, str, int], dict[str, tuple[int, str]]] = field(default_factory=dict)

    def take(self, key: bytes | None, value: bytes | None, at_ms: int) -> None:
        """Take in a record of the broker's topic; those of others and deletions are passed over."""
        place = place_in(key or b"")
        if place is None or value is None:
            return
        group, topic, partition = place
        prefix = f"{self.settings.namespace}." if self.settings.namespace else ""
        role = group.removeprefix(f"{prefix}pipeline-")
        if role in ROLES and group != role:
            self.commits += 1
            offset, metadata = offset_in(value)
            by = f"{owner_in(role, metadata)} at {clock(at_ms)}"
            self.on_commit((role, topic, partition), told_of(role, offset, metadata), by)

    def on_commit(self, place: tuple[str, str, int], told: dict[str, int | None], by: str = "") -> None:
        """Note a commit; nothing in `told` may be less than it was. `by` says for people whose it is."""
        greatest = self._greatest.setdefault(place, {})
        for name, value in told.items():
            known, before = greatest.get(name, (None, ""))
            if value is not None and (known is None or value >= known):
                greatest[name] = (value, by)
            elif known is not None and len(self.complaints) < _COMPLAINTS_KEPT:
                role, topic, partition = place
                back = f"{name} went back from {known} ({before}) to {value} ({by})"
                self.complaints.append(f"{role} {topic}-{partition}: {back}")


def place_in(key: bytes) -> tuple[str, str, int] | None:
    """Return group, topic and partition in the key of a commit, None for a record of another kind."""
    if len(key) < 2 or struct.unpack_from(">h", key)[0] not in _COMMIT_KEYS:
        return None
    group, at = _text(key, 2)
    topic, at = _text(key, at)
    return group, topic, int(struct.unpack_from(">i", key, at)[0])


def offset_in(value: bytes) -> tuple[int, str]:
    """Return offset and metadata in the value of a commit."""
    version, offset = struct.unpack_from(">hq", value)
    at = 10 + (4 if version >= 3 else 0)  # the leader's epoch
    if version < _FLEXIBLE:
        return offset, _text(value, at)[0]
    length, shift = 0, 0
    while True:
        byte, at = value[at], at + 1
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return offset, value[at : at + length - 1].decode()


def _text(source: bytes, at: int) -> tuple[str, int]:
    length = struct.unpack_from(">h", source, at)[0]
    return source[at + 2 : at + 2 + length].decode(), at + 2 + length


def owner_in(role: str, metadata: str) -> str:
    """Return which process a commit says it is of, by its boot id."""
    with contextlib.suppress(msgspec.DecodeError):
        if metadata and role != "lander":
            return (commit_state.decode if role == "aggregator" else commit.decode)(metadata).owner
    return role


def position_in(role: str, metadata: str) -> int:
    """Return how far reading has come by a commit's metadata, 0 where it says nothing of that."""
    with contextlib.suppress(msgspec.DecodeError):
        if metadata and role != "lander":
            return (commit_state.decode if role == "aggregator" else commit.decode)(metadata).position
    return 0


def told_of(role: str, offset: int, metadata: str) -> dict[str, int | None]:
    """Return everything of a commit that must never go back."""
    told: dict[str, int | None] = {"the committed offset": offset}
    with contextlib.suppress(msgspec.DecodeError):
        if metadata and role == "aggregator":
            state = commit_state.decode(metadata)
            told |= {
                "position": state.position,
                "the watermark": state.watermark_ms,
                "closed_through": state.closed_through_ms,
                "what was counted": state.operations + state.errors + state.late + state.dead,
            }
        if metadata and role == "evaluator":
            # Its position goes back with a takeover: it reads again from the committed offset.
            engine = decode_state(commit.decode(metadata).engine)
            told |= {
                "the watermark": engine.watermark_ms,
                "the last step": engine.emitted_ms,
                "the closed panes": engine.frontier_ms,
                "the late rounds": engine.late_rounds,
            }
    return told
