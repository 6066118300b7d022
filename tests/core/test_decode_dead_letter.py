"""Dead letters: the bytes as they came, where from, and why."""

from __future__ import annotations

from base64 import b64decode

import pytest

from pipeline.decode import dead_letter, decode_operations
from pipeline.decode.dead_letter import VALUE_BYTES
from pipeline.topics import RECORD_BYTES
from schemas.dead_letter import DeadLetter
from schemas.reasons import MEANING, Reason
from schemas.structs import encode


def letter_for(value: bytes | None, **where: bytes) -> DeadLetter:
    return DeadLetter.model_validate_json(bytes_for(value, [("sdk", b"\xff"), ("sdk", None)], **where))


def bytes_for(value: bytes | None, headers: list[tuple[str, bytes | None]], **where: bytes) -> bytes:
    (rejection,) = decode_operations([value]).rejections
    letter = dead_letter(
        rejection,
        topic="events.operations",
        partition=3,
        offset=7,
        epoch=1,
        append_time_ms=9,
        key=where.get("key"),
        headers=headers,
    )
    return encode(letter)


def test_a_dead_letter_keeps_the_bytes_and_says_where_and_why() -> None:
    letter = letter_for(b"\xff{", key=b"k\x00")
    assert (letter.topic, letter.partition, letter.offset, letter.index) == ("events.operations", 3, 7, None)
    assert letter.reason is Reason.NOT_UTF8
    assert b64decode(letter.value_base64 or "") == b"\xff{"
    assert b64decode(letter.key_base64 or "") == b"k\x00"
    assert [(header.name, header.value_base64) for header in letter.headers] == [("sdk", "/w=="), ("sdk", None)]


def test_a_tombstone_has_no_bytes() -> None:
    letter = letter_for(None)
    assert (letter.value_base64, letter.value_bytes, letter.truncated, letter.key_base64) == (None, 0, False, None)


def test_a_large_value_is_cut_and_says_so() -> None:
    letter = letter_for(b"x" * 5_000_000)
    assert (letter.value_bytes, letter.truncated) == (5_000_000, True)
    assert len(b64decode(letter.value_base64 or "")) == VALUE_BYTES


@pytest.mark.parametrize(
    "headers",
    [
        [("large", b"x" * 900_000)] * 8,
        [("a", b"")] * 1_000_000,
        [("\x00" * 7_900_000, None)],
    ],
)
def test_whatever_its_headers_are_a_dead_letter_fits_into_its_topic(headers: list[tuple[str, bytes | None]]) -> None:
    payload = bytes_for(b"x" * 5_000_000, headers, key=b"k" * 5_000_000)
    assert len(payload) < RECORD_BYTES - 100_000


def test_half_a_surrogate_pair_in_a_sentence_can_be_written() -> None:
    assert letter_for(b'{"type": "\\ud800"}').detail.startswith('type is "\\ud800": it has half a surrogate pair')


def test_every_reason_has_its_sentence() -> None:
    assert set(MEANING) == set(Reason)
