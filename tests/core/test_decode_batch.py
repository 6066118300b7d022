"""Batches: what is decoded, where it came from, and what a bad record or element costs."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from pipeline.decode import Decoded, Operation, decode_errors, decode_operations, decode_samples, element_of
from schemas.bounds import METADATA_BYTES, RECORD_BYTES

BASE = {
    "type": "operation",
    "event_id": "e",
    "timestamp_ms": 1_763_791_200_123,
    "service": "checkout",
    "operation": "pay",
    "duration_ms": 41.7,
    "success": True,
}


def event(**fields: Any) -> bytes:
    return json.dumps({**BASE, **fields}).encode()


def array(*events: bytes) -> bytes:
    return b"[" + b",".join(events) + b"]"


def ids(decoded: Decoded[Operation]) -> list[str]:
    return [operation.event_id for operation in decoded.events]


def test_single_objects_come_from_their_records_in_order() -> None:
    decoded = decode_operations([event(event_id="a"), event(event_id="b")])
    assert ids(decoded) == ["a", "b"]
    assert (list(decoded.record_of), list(decoded.index_of)) == ([0, 1], [0, 0])


def test_arrays_and_objects_may_mix_and_elements_know_their_place() -> None:
    decoded = decode_operations([event(event_id="a"), array(event(event_id="b"), event(event_id="c")), b"[]", event()])
    assert ids(decoded) == ["a", "b", "c", "e"]
    assert (list(decoded.record_of), list(decoded.index_of)) == ([0, 1, 1, 3], [0, 0, 1, 0])
    assert not decoded.rejections


def test_an_empty_batch_gives_nothing() -> None:
    decoded = decode_operations([])
    assert (decoded.events, list(decoded.record_of), decoded.rejections) == ([], [], [])


def test_an_array_of_no_events_is_fine_and_counts_nothing() -> None:
    decoded = decode_operations([b" [ ] "])
    assert (decoded.events, decoded.rejections) == ([], [])


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "null_value"),
        (b"", "not_json"),
        (b" \n", "not_json"),
        (b"hello", "not_json"),
        (b'{"type":', "not_json"),
        (b"\xef\xbb\xbf" + event(), "not_json"),
        (b"\xff\xfe{}", "not_utf8"),
        (event(note="x").replace(b'"x"', b'"\xe9"'), "not_utf8"),
        (b"5", "wrong_type"),
        (b'"text"', "wrong_type"),
        (b"null", "wrong_type"),
        (b"true", "wrong_type"),
        (event(type="error"), "wrong_topic"),
        (event(type="sample"), "wrong_topic"),
        (event(note="x" * 5_000_000), "too_large"),
        (event(note="[").replace(b'"["', b"[" * 100_000 + b"]" * 100_000), "not_json"),
        (b"[" * 100_000, "not_json"),
        (b'{"a":' * 100_000, "not_json"),
        (event().replace(b"41.7", b"1e400"), "invalid_value"),
        (event().replace(b"41.7", b"9" * 5_000), "invalid_value"),
        (event().replace(b"41.7", b"NaN"), "invalid_value"),
        (event().replace(b"1763791200123", b"9" * 5_000), "wrong_type"),
        (event(metadata={"n": 1}).replace(b"1}", b"1e999}"), "invalid_value"),
        (event(metadata={"n": 1}).replace(b"1}", b"9" * 5_000 + b"}"), "invalid_value"),
        (event(metadata={"n": "\udc80"}), "invalid_value"),
        (event(metadata={"\udc80": 1}), "invalid_value"),
    ],
    ids=range(26),
)
def test_a_bad_record_is_one_rejection_and_its_neighbours_count(value: bytes | None, reason: str) -> None:
    decoded = decode_operations([event(event_id="a"), value, array(event(event_id="b"), event(event_id="c"))])
    (rejection,) = decoded.rejections
    assert (rejection.record, rejection.index, rejection.reason) == (1, None, reason)
    assert rejection.value == value
    assert ids(decoded) == ["a", "b", "c"]
    assert list(decoded.record_of) == [0, 2, 2]


@pytest.mark.parametrize(
    "bad",
    [
        event(duration_ms=-1),
        event(duration_ms=float("inf")),
        event(service=" "),
        event(operation="a\u0085b"),
        event(message="\ud800", service="\ud800"),
        event(metadata=[1]),
        event(metadata={"x": "y" * METADATA_BYTES}),
        b"17",
        b"null",
        b"[]",
    ],
    ids=range(10),
)
def test_a_bad_element_costs_that_element_alone(bad: bytes) -> None:
    decoded = decode_operations([array(event(event_id="a"), bad, event(event_id="b", note="é"))])
    (rejection,) = decoded.rejections
    assert (rejection.record, rejection.index) == (0, 1)
    assert rejection.value is not None
    assert json.loads(rejection.value) == json.loads(bad)
    assert ids(decoded) == ["a", "b"]
    assert list(decoded.index_of) == [0, 2]


def test_all_records_may_be_bad() -> None:
    decoded = decode_operations([None, b"", b"{}"])
    assert [rejection.record for rejection in decoded.rejections] == [0, 1, 2]
    assert (decoded.events, list(decoded.record_of)) == ([], [])


def test_metadata_is_kept_as_it_was_written() -> None:
    text = b'{"b" : 1.50, "a":"\\u00e9\xc3\xa9"}'
    (operation,) = decode_operations([event(metadata=0).replace(b'"metadata": 0', b'"metadata": ' + text)]).events
    assert bytes(operation.metadata) == text


@pytest.mark.parametrize("fields", [{}, {"metadata": None}, {"metadata": {}}], ids=["left out", "null", "empty"])
def test_no_metadata_reads_as_an_empty_object(fields: dict[str, Any]) -> None:
    (operation,) = decode_operations([event(**fields)]).events
    assert bytes(operation.metadata) == b"{}"


def test_metadata_of_exactly_the_greatest_size_counts_in_any_company() -> None:
    padding = METADATA_BYTES - len(b'{"x":""}')
    fits = event(metadata=0).replace(b'"metadata": 0', b'"metadata":{"x":"' + b"y" * padding + b'"}')
    above = fits.replace(b'"y', b'"yy')
    decoded = decode_operations([event(metadata={"a": 1}), fits, above, fits])
    assert list(decoded.record_of) == [0, 1, 3]
    assert decoded.rejections[0].detail == f"metadata has {METADATA_BYTES + 1} bytes of JSON: at most 65536 are allowed"


def test_a_record_of_exactly_the_greatest_size_counts() -> None:
    fits = event(note="").replace(b'""', b'"' + b"x" * (RECORD_BYTES - len(event(note=""))) + b'"')
    assert len(fits) == RECORD_BYTES
    assert len(decode_operations([fits, fits]).events) == 2


@pytest.mark.parametrize("company", [0, 1, 200])
def test_metadata_may_have_32_levels_and_not_33_in_any_company(company: int) -> None:
    others = [event(metadata={"a": 1})] * company
    deepest: dict[str, Any] = {}
    for _ in range(31):
        deepest = {"a": deepest}
    assert decode_operations([*others, event(metadata=deepest)]).rejections == []
    (rejection,) = decode_operations([*others, event(metadata={"a": deepest})]).rejections
    assert (rejection.record, rejection.detail) == (company, "metadata is nested deeper than 32 levels")


def test_brackets_in_text_are_no_nesting() -> None:
    assert decode_operations([event(metadata={"x": "{[" * 100})]).rejections == []


@pytest.mark.parametrize("name", ["é", "a\u00a0b", "日本", "a | b", "|", "a\u200bb"])
def test_a_name_may_have_any_printable_text(name: str) -> None:
    assert decode_operations([event(operation=name)]).events[0].operation == name


def test_of_several_fields_with_one_name_the_last_counts() -> None:
    value = event()[:-1] + b', "duration_ms": 7}'
    assert decode_operations([value]).events[0].duration_ms == 7
    assert decode_operations([event(duration_ms=-1)[:-1] + b', "duration_ms": 7}']).events[0].duration_ms == 7
    assert decode_operations([event(duration_ms=7)[:-1] + b', "duration_ms": -1}']).rejections


def test_fields_that_the_contract_does_not_name_are_ignored() -> None:
    (operation,) = decode_operations([event(colour="red", nested={"a": [1]})]).events
    assert not hasattr(operation, "colour")


def test_an_error_without_an_operation_is_about_its_service() -> None:
    value = msgspec.json.encode(
        {**BASE, "type": "error", "operation": None, "severity": "warning", "error_type": "T", "message": ""}
    )
    (error,) = decode_errors([value]).events
    assert (error.operation, error.severity, error.weight) == (None, "warning", 1)


def test_a_sample_is_a_gauge_unless_it_says_otherwise() -> None:
    value = {"type": "sample", "event_id": "s", "timestamp_ms": BASE["timestamp_ms"], "service": "x", "name": "n"}
    (sample,) = decode_samples([msgspec.json.encode({**value, "value": 3})]).events
    assert (sample.value, sample.gauge, sample.environment) == (3.0, True, "default")


def test_the_bytes_of_one_element_can_be_had_afterwards() -> None:
    one, two = event(event_id="a"), event(event_id="b")
    assert element_of(array(one, two), 1) == two
    assert element_of(one, 0) == one
    assert b"NaN" in element_of(array(one, event(note=float("nan"))), 1)
