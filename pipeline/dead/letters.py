"""A dead letter as `pipeline dead` has it: the contract's record, its bytes, and what became of it."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

import msgspec

from pipeline.dead.identity import LetterId, id_of
from schemas.structs import DeadEnd, DeadHeader, DeadLetter

_SERVICE = re.compile(rb'"service"\s*:\s*("(?:[^"\\]|\\.)*")')


class _Served(msgspec.Struct, gc=False):
    service: str


_served: msgspec.json.Decoder[_Served | list[_Served]] = msgspec.json.Decoder(_Served | list[_Served])
_text: msgspec.json.Decoder[str] = msgspec.json.Decoder(str)


@dataclass(frozen=True, slots=True)
class Found:
    """What is kept of each letter that was looked for; its bytes stay on the topic of dead letters, at offset `at`.

    `outcome` is None as long as nobody has decided anything about it: it waits.
    """

    id: LetterId
    at: int
    append_time_ms: int
    reason: str
    detail: str
    service: str | None
    attempt: int
    value_bytes: int
    outcome: DeadEnd | None = None

    @property
    def state(self) -> str:
        """``waiting``, or what became of it."""
        return self.outcome or "waiting"


def found_in(letter: DeadLetter, at: int) -> Found:
    """Return what is kept of a letter that stands at offset `at` of the topic of dead letters."""
    return Found(
        id=id_of(letter),
        at=at,
        append_time_ms=letter.append_time_ms,
        reason=letter.reason,
        detail=letter.detail,
        service=service_of(value_of(letter) or b""),
        attempt=letter.attempt,
        value_bytes=letter.value_bytes,
    )


def value_of(letter: DeadLetter) -> bytes | None:
    """Return the bytes that were refused, as far as the letter has them."""
    return unbase64(letter.value_base64)


def key_of(letter: DeadLetter) -> bytes | None:
    """Return the record's key."""
    return unbase64(letter.key_base64)


def headers_of(letter: DeadLetter) -> list[tuple[str, bytes | None]]:
    """Return the record's headers."""
    return [(header.name, _header_value(header)) for header in letter.headers]


def service_of(value: bytes) -> str | None:
    """Return the service that the bytes name, of an array its first one's; None where there is nothing like it.

    Bytes that are no JSON are searched for it: better a guess than a column of dashes.
    """
    try:
        served = _served.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _guessed(value)
    if isinstance(served, list):
        return served[0].service if served else None
    return served.service


def unbase64(text: str | None) -> bytes | None:
    """Return the bytes of a base64 text; None for none, and for what somebody else wrote wrongly."""
    try:
        return None if text is None else base64.b64decode(text)
    except binascii.Error:
        return None


def _guessed(value: bytes) -> str | None:
    guess = _SERVICE.search(value)
    if guess is None:
        return None
    try:
        return str(_text.decode(guess[1]))
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _header_value(header: DeadHeader) -> bytes | None:
    return unbase64(header.value_base64)
