"""JSON as the slow lane reads it: whole records, their elements, and the fields of one event.

The parser is the fast lane's, so what is JSON and what a number is worth is the same in both. Two things that producers
write and parsers refuse are read here all the same, so that the one event that has them is refused and its neighbours
count: NaN and Infinity, and half a surrogate pair, which is what is left of an emoji that was cut in two.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec
from pydantic_core import from_json

from schemas.reasons import Reason

_TYPE_BY_FIRST_BYTE = {b"{": "an object", b"[": "an array", b'"': "text", b"t": "true", b"f": "false", b"n": "null"}
_LOOSE_MARKS = (b"NaN", b"Infinity", b"\\ud", b"\\uD")
_NO_NUMBER = math.inf
"""Stands for a number that no double can hold; the contract allows it nowhere."""

_any_text = msgspec.json.Decoder(msgspec.Raw)
_array = msgspec.json.Decoder(list[msgspec.Raw])
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_value = msgspec.json.Decoder()


class Fields(NamedTuple):
    """The fields of one event that the contract names, and the text of its `metadata` if it has any."""

    values: dict[str, object]
    metadata: bytes | None


def record_problem(value: bytes) -> tuple[Reason, str] | None:
    """Return why a record can't be read at all, or None."""
    if not value.strip():
        return Reason.NOT_JSON, "the record is empty"
    try:
        value.decode()
    except UnicodeDecodeError as error:
        return Reason.NOT_UTF8, f"byte {error.start} (0x{value[error.start]:02x}) is not UTF-8: {error.reason}"
    if value.startswith(b"\xef\xbb\xbf"):
        return Reason.NOT_JSON, "the record begins with a byte order mark, which JSON does not allow"
    try:
        _any_text.decode(value)
    except RecursionError:
        return Reason.NOT_JSON, "the record is nested too deeply to be read"
    except msgspec.DecodeError as error:
        return None if _is_loose(value) else (Reason.NOT_JSON, _syntax(value, str(error)))
    return None


def _syntax(value: bytes, otherwise: str) -> str:
    """Say where the text stops being JSON, by line and column."""
    try:
        from_json(value, allow_inf_nan=False)
    except ValueError as error:
        return f"the record is not JSON: {error}"
    return f"the record is not JSON: {otherwise}"


def _is_loose(value: bytes) -> bool:
    """Whether this is JSON but for numbers that are none, and halves of surrogate pairs."""
    if not any(mark in value for mark in _LOOSE_MARKS):
        return False
    try:
        _loose(value)
    except (ValueError, RecursionError):
        return False
    return True


def _loose(value: bytes) -> Any:
    return json.loads(value.decode())


def type_of(text: bytes) -> str:
    """Return the JSON type of a JSON text that does not begin with a blank, as people say it."""
    return _TYPE_BY_FIRST_BYTE.get(text[:1], "a number")


def elements_of(value: bytes) -> list[bytes] | None:
    """Return the texts of an array's elements, or None when a readable record is no array.

    RecursionError if it is nested too deeply, here and below.
    """
    if not value.lstrip().startswith(b"["):
        return None
    try:
        return [bytes(element) for element in _array.decode(value)]
    except msgspec.DecodeError:
        return [json.dumps(element, separators=(",", ":")).encode() for element in _loose(value)]


def element_of(value: bytes, index: int) -> bytes:
    """Return the text of one element of a readable record's array; of a single object, all of it.

    For whoever refuses an event after decoding, such as one of the future.
    """
    elements = elements_of(value)
    return value if elements is None else elements[index]


def fields_of(text: bytes, names: Iterable[str]) -> Fields:
    """Return the fields `names` of a JSON object; of several with one name the last counts."""
    try:
        texts = _object.decode(text)
    except msgspec.DecodeError:
        loose = _loose(text)
        return Fields({name: loose[name] for name in names if name in loose}, None)
    values = {name: _value_of(bytes(texts[name])) for name in names if name in texts}
    return Fields(values, bytes(texts["metadata"]) if "metadata" in texts else None)


def _value_of(text: bytes) -> object:
    """Return a field's value, with infinity for numbers that no double can hold."""
    try:
        return _value.decode(text)
    except msgspec.DecodeError:
        pass
    try:
        return from_json(text, allow_inf_nan=True)
    except ValueError:
        return {"": _NO_NUMBER} if text.startswith(b"{") else _NO_NUMBER
