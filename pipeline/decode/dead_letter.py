"""Building a dead letter from a refusal."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence

from pipeline.decode.replay import attempt_of
from pipeline.decode.result import Rejection
from schemas.structs import DeadHeader, DeadLetter

VALUE_BYTES = 900_000
"""Bytes that are copied at most: in base64 they stay well below the limit of the topic."""

_HEADER_COST, _NAME_COST = 48, 6
"""Bytes that a header takes as JSON beside its value, and at most for each character of its name."""


def dead_letter(
    rejection: Rejection,
    *,
    topic: str,
    partition: int,
    offset: int,
    epoch: int,
    append_time_ms: int,
    key: bytes | None = None,
    headers: Sequence[tuple[str, bytes | None]] = (),
) -> DeadLetter:
    """Return the record for `events.dead`. Bytes above `VALUE_BYTES` are cut, of key and headers too.

    Headers together have that much room; the one that goes beyond it is cut, and those after it are left out.
    """
    value = rejection.value
    return DeadLetter(
        topic=topic,
        partition=partition,
        offset=offset,
        index=rejection.index,
        epoch=epoch,
        append_time_ms=append_time_ms,
        reason=rejection.reason,
        detail=rejection.detail,
        key_base64=_base64(key),
        value_base64=_base64(value),
        value_bytes=0 if value is None else len(value),
        truncated=value is not None and len(value) > VALUE_BYTES,
        headers=list(_headers(headers)),
        attempt=attempt_of(headers),
    )


def _headers(headers: Sequence[tuple[str, bytes | None]]) -> Iterator[DeadHeader]:
    room = VALUE_BYTES
    for name, value in headers:
        room -= _HEADER_COST + _NAME_COST * len(name)
        if room < 0:
            return
        yield DeadHeader(name=name, value_base64=_base64(None if value is None else value[:room]))
        room -= len(value or b"")


def _base64(value: bytes | None) -> str | None:
    return None if value is None else b64encode(value[:VALUE_BYTES]).decode()
