"""Dead letters: the bytes as they came, where from, and why."""

from __future__ import annotations

from base64 import b64decode

from pipeline.decode import dead_letter, decode_operations
from pipeline.decode.dead_letter import VALUE_BYTES
from schemas.dead_letter import DeadLetter
from schemas.reasons import MEANING, Reason
from schemas.structs import encode


def letter_for(value: bytes | None, **where: bytes) -> DeadLetter:
    (rejection,) = decode_operations([value]).rejections
    letter = dead_letter(
        rejection,
        topic="events.operations",
        partition=3,
        offset=7,
        epoch=1,
        append_time_ms=9,
        key=where.get("key"),
        headers=[("sdk", b"\xff"), ("sdk", None)],
    )
    return DeadLetter.model_validate_json(encode(letter))


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


def test_half_a_surrogate_pair_in_a_sentence_can_be_written() -> None:
    assert letter_for(b'{"type": "\\ud800"}').detail.startswith('type is "\\ud800": it has half a surrogate pair')


def test_every_reason_has_its_sentence() -> None:
    assert set(MEANING) == set(Reason)
