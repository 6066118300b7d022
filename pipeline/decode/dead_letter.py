"""Building a dead letter from a refusal."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable

from pipeline.decode.result import Rejection
from schemas.structs import DeadHeader, DeadLetter

VALUE_BYTES = 900_000
"""Bytes that are copied at most: in base64 they stay well below the limit of the topic."""


def dead_letter(
    rejection: Rejection,
    *,
    topic: str,
    partition: int,
    offset: int,
    epoch: int,
    append_time_ms: int,
    key: bytes | None = None,
    headers: Iterable[tuple[str, bytes | None]] = (),
) -> DeadLetter:
    """Return the record for `events.dead`. Bytes above `VALUE_BYTES` are cut, of key and headers too."""
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
        headers=[DeadHeader(name=name, value_base64=_base64(header)) for name, header in headers],
    )


def _base64(value: bytes | None) -> str | None:
    return None if value is None else b64encode(value[:VALUE_BYTES]).decode()
