"""The fast lane accepts nothing that pydantic refuses; what both accept is equal; nothing raises; company is no matter.

Events are generated as text, near the edges of the contract, so that the parsers themselves are compared too.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from pipeline.decode import Event, parse_line
from pipeline.decode.batch import _fast, _flat, decode
from pipeline.decode.doubts import doubtful_events, doubtful_records
from pipeline.decode.kinds import ERRORS, OPERATIONS, SAMPLES, Kind
from pipeline.errors import RejectedEvent

KINDS = [OPERATIONS, ERRORS, SAMPLES]
MANY = settings(max_examples=120, deadline=None)  # no deadline: a loaded machine is no fault

VALID: dict[str, list[str]] = {
    "event_id": ['"e"'],
    "timestamp_ms": ["1763791200123", "100000000000", "100000000000000"],
    "service": ['"checkout"', '"\\u00e9 \\ud83d\\ude00"', '"a|b"'],
    "operation": ['"pay"', '"GET /orders/{id}"'],
    "duration_ms": ["0", "41.7", "1e11", "5e-324", "-0.0"],
    "success": ["true", "false"],
    "severity": ['"warning"', '"critical"'],
    "error_type": ['"T"'],
    "message": ['""', '"it broke"'],
    "name": ['"process.memory"'],
    "value": ["1", "-1.5e300", "18446744073709551616"],
}
REQUIRED = {
    "operations": ("event_id", "timestamp_ms", "service", "operation", "duration_ms", "success"),
    "errors": ("event_id", "timestamp_ms", "service", "severity", "error_type", "message"),
    "samples": ("event_id", "timestamp_ms", "service", "name", "value"),
}
TYPE = {"operations": '"operation"', "errors": '"error"', "samples": '"sample"'}
EDGES = [
    *("null", "true", "false", "0", "-0", "1", "-1", "1.0", "1e3", "0.5", "100", "599", "600", "65535", "65536"),
    *("99999999999", "100000000000001", "1000000", "1000001", "1e999", "-1e999", "1e-999", "9" * 25, "9" * 400),
    *("NaN", "Infinity", "01", "1.", "+1", "nul", "'x'", "", "{}", "[]", "[1,]", '{"a":1}', '{"a":{"b":[1,null]}}'),
    *('{"a":1e999}', '{"a":"\\ud800"}', '{"\\udfff":1}', '{"a":' + "9" * 400 + "}", "[" * 33 + "]" * 33),
    *('{"a":' * 32 + "1" + "}" * 32, '{"a":' * 33 + "1" + "}" * 33, '{"a":' + "[" * 31 + "]" * 31 + "}"),
    *('""', '" "', '"a "', '" a"', '"a\\n"', '"a\\u0000"', '"\\u0085"', '"\\u00a0"', '"\\ud800"', '"\\ud800\\u0041"'),
    *('"ok"', '"cancelled"', '"operation"', '"error"', '"fatal"', '"5"', '"\\u006fk"', '"a\x01"', '"\\x"', '"\u2028"'),
    *('"' + "x" * length + '"' for length in (50, 51, 100, 101, 200, 201, 300, 301, 10_000, 10_001)),
]
NAMES = sorted({name for kind in KINDS for name in kind.model.model_fields} | {"unknown", "\\u0074ype", "Type"})


@st.composite
def event_texts(draw: st.DrawFn, kind: Kind[Any]) -> str:
    """An event that is valid but for up to three fields, as JSON text or nearly."""
    parts = {"type": TYPE[kind.topic]}
    parts |= {name: draw(st.sampled_from(VALID[name])) for name in REQUIRED[kind.topic]}
    for _ in range(draw(st.integers(0, 3))):
        parts[draw(st.sampled_from(NAMES))] = draw(st.sampled_from(EDGES))
    if draw(st.integers(0, 9)) == 0:
        parts.pop(draw(st.sampled_from(sorted(parts))))
    pairs = [f'"{name}": {text}' for name, text in parts.items()]
    if draw(st.integers(0, 9)) == 0:
        pairs.append(f'"{draw(st.sampled_from(NAMES))}": {draw(st.sampled_from(EDGES))}')  # one name twice
    return "{" + ", ".join(draw(st.permutations(pairs))) + "}"


def values_for(kind: Kind[Any]) -> st.SearchStrategy[bytes | None]:
    one = event_texts(kind)
    return st.one_of(
        one.map(str.encode),
        st.lists(one, max_size=4).map(lambda texts: f"[{','.join(texts)}]".encode()),
        st.none(),
        st.binary(max_size=8),
        st.tuples(one, st.integers(0, 300), st.binary(max_size=2)).map(damaged),
    )


def damaged(parts: tuple[str, int, bytes]) -> bytes:
    text, place, dirt = parts
    value = text.encode()
    return value[:place] + dirt + value[place + 1 :]


def accepted_by_fast_lane(kind: Kind[Any], value: bytes) -> Event | None:
    parsed, refused = _fast(kind, [value])
    events, _, _ = _flat(kind, parsed)
    if refused or doubtful_records([value], refused) or doubtful_events(kind, events):
        return None
    event: Event = events[0]
    return event


def accepted_by_pydantic(kind: Kind[Any], value: bytes) -> BaseModel | None:
    try:
        return kind.model.model_validate_json(value)
    except ValidationError:
        return None


def assert_equal(event: Event, model: BaseModel) -> None:
    for name, value in model:
        if name == "metadata":
            assert msgspec.json.decode(event.metadata) == (value or {})
        else:
            assert getattr(event, name) == value
            assert type(getattr(event, name)) is type(value)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.topic)
@MANY
@given(st.data())
def test_the_fast_lane_accepts_nothing_that_pydantic_refuses(kind: Kind[Any], data: st.DataObject) -> None:
    value = data.draw(event_texts(kind)).encode()
    event, model = accepted_by_fast_lane(kind, value), accepted_by_pydantic(kind, value)
    if event is not None:
        assert model is not None
        assert_equal(event, model)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.topic)
@MANY
@given(st.data())
def test_an_event_that_pydantic_accepts_counts(kind: Kind[Any], data: st.DataObject) -> None:
    value = data.draw(event_texts(kind)).encode()
    model = accepted_by_pydantic(kind, value)
    decoded = decode(kind, [value])
    if model is not None:
        (event,) = decoded.events
        assert_equal(event, model)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.topic)
@MANY
@given(st.data())
def test_an_event_is_judged_the_same_in_any_company(kind: Kind[Any], data: st.DataObject) -> None:
    values = data.draw(st.lists(values_for(kind), max_size=5))
    together = decode(kind, values)
    places, refusals = [], []
    for record, value in enumerate(values):
        alone = decode(kind, [value])
        places += [(record, index, event) for index, event in zip(alone.index_of, alone.events, strict=True)]
        refusals += [(record, refused.index, refused.reason, refused.detail) for refused in alone.rejections]
    found = zip(together.record_of, together.index_of, together.events, strict=True)
    assert [identity(*place) for place in found] == [identity(*place) for place in places]
    assert [(refused.record, refused.index, refused.reason, refused.detail) for refused in together.rejections] == (
        refusals
    )


def identity(record: int, index: int, event: Event) -> tuple[Any, ...]:
    fields = {name: getattr(event, name) for name in event.__struct_fields__ if name != "metadata"}
    return record, index, fields, bytes(event.metadata)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.topic)
@MANY
@given(st.data())
def test_the_elements_of_an_array_are_judged_as_they_are_alone(kind: Kind[Any], data: st.DataObject) -> None:
    texts = data.draw(st.lists(event_texts(kind).filter(is_json), min_size=1, max_size=4))
    decoded = decode(kind, [f"[{','.join(texts)}]".encode()])
    alone = [bool(decode(kind, [text.encode()]).events) for text in texts]
    assert list(decoded.index_of) == [index for index, good in enumerate(alone) if good]
    assert [refused.index for refused in decoded.rejections] == [index for index, good in enumerate(alone) if not good]


def is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except msgspec.DecodeError:
        return False
    return True


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.topic)
@MANY
@given(
    value=st.one_of(st.binary(max_size=40), st.text(alphabet='{}[]",:\\ud8e0NaInfity1-.', max_size=40).map(str.encode))
)
@example(value=b'["\\ud800", NaN]')
@example(value=b"\x00")
@example(value=b'{"metadata":{"a":1e999},"metadata":[]}')
def test_no_bytes_raise(kind: Kind[Any], value: bytes) -> None:
    decoded = decode(kind, [value])
    assert all(refused.detail.encode() for refused in decoded.rejections)
    with suppress(RejectedEvent):
        parse_line(value)


@pytest.mark.parametrize("depth", [30, 150, 199, 201, 300, 800, *range(900, 1010, 5), 2_000, 50_000])
@pytest.mark.parametrize("shape", ["array", "object", "metadata", "bare", "unclosed", "spoiled"])
def test_no_depth_raises(depth: int, shape: str) -> None:
    texts = {
        "array": '{"unknown":' + "[" * depth + "]" * depth + "}",
        "object": '{"unknown":' + '{"a":' * depth + "1" + "}" * depth + "}",
        "metadata": '{"metadata":' + '{"a":' * depth + "1" + "}" * depth + "}",
        "bare": "[" * depth + "]" * depth,
        "unclosed": '{"a":' * depth,
        "spoiled": '[{"unknown":' + "[" * depth + "]" * depth + '}, {"x": NaN, "y": "\\ud800"}]',
    }
    decoded = decode(OPERATIONS, [texts[shape].encode()])
    assert decoded.rejections
    assert not decoded.events
