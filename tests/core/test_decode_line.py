"""One line of a file: which topic it goes to, or a sentence why not."""

from __future__ import annotations

import json

import pytest

from pipeline.decode import Error, Operation, parse_line
from pipeline.errors import RejectedEvent

OPERATION = {
    "type": "operation",
    "event_id": "e",
    "timestamp_ms": 1_763_791_200_123,
    "service": "checkout",
    "operation": "pay",
    "duration_ms": 41.7,
    "success": True,
}
ERROR = {**OPERATION, "type": "error", "severity": "error", "error_type": "T", "message": "m"}


def test_the_type_decides_the_topic() -> None:
    topic, event = parse_line(json.dumps(OPERATION).encode() + b"\r\n")
    assert (topic, type(event)) == ("operations", Operation)
    topic, event = parse_line(b"  " + json.dumps(ERROR).encode())
    assert (topic, type(event)) == ("errors", Error)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"\n", "the line is empty"),
        (b"pay 41.7\n", "the line is not JSON: expected value at line 1 column 1"),
        (b"[]", "a line must be an object, found an array"),
        (b"{}", 'type is missing: it must be one of "operation", "error", "sample"'),
        (b'{"type": "span"}', 'type is "span": it must be one of "operation", "error", "sample"'),
        (b'{"type": 5}', 'type is 5: it must be one of "operation", "error", "sample"'),
        (json.dumps({**ERROR, "severity": "bad"}).encode(), 'severity is "bad": it must be "warning", "error" or '),
        (json.dumps({**OPERATION, "duration_ms": -1}).encode(), "duration_ms is -1: it must be at least 0"),
        (json.dumps({**OPERATION, "duration_ms": float("nan")}).encode(), "duration_ms is NaN: it must be finite"),
        (b'{"a":' * 100_000, "the line is nested too deeply to be read"),
        (b"\xff", "byte 0 (0xff) is not UTF-8: invalid start byte"),
    ],
)
def test_a_bad_line_is_refused_with_a_sentence(line: bytes, reason: str) -> None:
    with pytest.raises(RejectedEvent) as refused:
        parse_line(line)
    assert refused.value.reason.startswith(reason)
