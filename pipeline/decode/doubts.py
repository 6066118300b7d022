"""What msgspec can't see: bytes that are no UTF-8 in parts it skips, names with blanks, metadata, two fields together.

Every check looks at a whole batch at once first, because nearly always all is well; only when it isn't are events
looked at one by one. A doubt refuses nothing: the slow lane decides.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from operator import attrgetter

import msgspec

from pipeline.decode.events import EMPTY_METADATA, Event, Operation
from pipeline.decode.kinds import Kind
from pipeline.decode.result import E
from schemas.bounds import (
    CALL_TIME_GREATEST_MS,
    DURATION_COUNTED_MS,
    METADATA_BYTES,
    METADATA_DEPTH,
    NAME_PATTERN,
    RECORD_BYTES,
    stands_for_too_much,
)

_CHUNK = 128
"""Events whose metadata is looked at together: many enough to be fast, few enough to keep the bounds of one."""

_SURE_WEIGHT = CALL_TIME_GREATEST_MS // DURATION_COUNTED_MS
"""Up to this weight an event of any duration is within bounds."""

_weight = attrgetter("weight")
_name = re.compile(NAME_PATTERN)
_objects = msgspec.json.Decoder(list[dict[str, object] | None])
_object = msgspec.json.Decoder(dict[str, object])


def doubtful_records(values: Sequence[bytes | None], refused: set[int]) -> set[int]:
    """Return the positions of values, those `refused` apart, that are too large or no UTF-8.

    About 30 ns a record when all is well.
    """
    present = [value or b"" for place, value in enumerate(values) if place not in refused] if refused else values
    joined = b"\n".join(present)  # type: ignore[arg-type] # a None is always refused
    if len(joined) <= RECORD_BYTES and (joined.isascii() or is_utf8(joined)):
        return set()
    return {place for place, value in enumerate(values) if value is not None and _doubtful(value)}


def _doubtful(value: bytes) -> bool:
    return len(value) > RECORD_BYTES or not is_utf8(value)


def is_utf8(value: bytes) -> bool:
    """Return whether bytes are valid UTF-8."""
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def doubtful_events(kind: Kind[E], events: list[E]) -> set[int]:
    """Return the positions of events whose names, metadata or weights the slow lane must look at.

    Metadata that is null becomes ``{}`` here.
    """
    return _doubtful_names(kind, events) | _doubtful_metadata(events) | _doubtful_weights(kind, events)


def _doubtful_weights(kind: Kind[E], events: list[E]) -> set[int]:
    if kind.struct is not Operation or max(map(_weight, events), default=1) <= _SURE_WEIGHT:
        return set()
    return {
        place
        for place, event in enumerate(events)
        if isinstance(event, Operation) and stands_for_too_much(event.duration_ms, event.weight)
    }


def _doubtful_names(kind: Kind[E], events: list[E]) -> set[int]:
    names = {name for name in kind.distinct_names(events) if name is not None}
    if _all_fit(names):
        return set()
    bad = {name for name in names if not is_name(name)}
    return {place for place, event in enumerate(events) if not bad.isdisjoint(kind.names(event))} if bad else set()


def _all_fit(names: set[str]) -> bool:
    """Whether all are surely names. False may also mean a printable rarity: then each is looked at."""
    joined = f"|{'|'.join(names)}|"
    return joined.isprintable() and "| " not in joined and " |" not in joined


def is_name(text: str) -> bool:
    """Return whether a text has no control characters and no blank at either end, and is not empty."""
    return _name.fullmatch(text) is not None


def _doubtful_metadata(events: Sequence[Event]) -> set[int]:
    doubtful: set[int] = set()
    for start in range(0, len(events), _CHUNK):
        chunk = events[start : start + _CHUNK]
        if not _surely_fit([event.metadata for event in chunk]):
            doubtful.update(start + place for place, event in enumerate(chunk) if not _metadata_fits(event))
    return doubtful


def _surely_fit(metadata: list[msgspec.Raw]) -> bool:
    """Whether all are surely objects within bounds, because together they keep the bounds of one."""
    joined = b",".join(metadata)
    if len(joined) > METADATA_BYTES or joined.count(b"{") + joined.count(b"[") - len(metadata) >= METADATA_DEPTH:
        return False
    try:
        return None not in _objects.decode(b"[" + joined + b"]")
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return False


def _metadata_fits(event: Event) -> bool:
    raw = bytes(event.metadata)
    if raw == b"null":
        event.metadata = EMPTY_METADATA
        return True
    if len(raw) > METADATA_BYTES or raw.count(b"{") + raw.count(b"[") > METADATA_DEPTH:
        return False
    try:
        _object.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return False
    return True
