"""The examples in `schemas/examples/` are what they say: accepted, or refused for exactly the reason beside them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped] # its stubs are a package of their own
import pytest

from pipeline.decode import Decoded, decode_errors, decode_operations, decode_samples, parse_line
from schemas.generate import MODELS, schema_path

EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples"
VALID = sorted((EXAMPLES / "valid").glob("*.json"))
REFUSED: dict[str, dict[str, Any]] = json.loads((EXAMPLES / "invalid.json").read_text())
DECODERS: dict[str, Callable[[list[bytes | None]], Decoded[Any]]] = {
    "events.operations": decode_operations,
    "events.errors": decode_errors,
    "events.samples": decode_samples,
}
TOPIC_OF_TYPE = {"operation": "events.operations", "error": "events.errors", "sample": "events.samples"}


def type_of_topic(topic: str) -> str:
    return next(name for name, known in TOPIC_OF_TYPE.items() if known == topic)


def validator(kind: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads(schema_path(kind).read_text()))


def events_in(value: bytes) -> list[Any]:
    parsed = json.loads(value)
    return parsed if isinstance(parsed, list) else [parsed]


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_a_valid_example_is_accepted_by_its_model_and_its_json_schema(path: Path) -> None:
    for event in events_in(path.read_bytes()):
        MODELS[event["type"]].model_validate_json(json.dumps(event))
        validator(event["type"]).validate(event)


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_a_valid_event_is_decoded(path: Path) -> None:
    value = path.read_bytes()
    events = events_in(value)
    decoder = DECODERS.get(TOPIC_OF_TYPE.get(events[0]["type"], ""))
    if decoder is None:  # a record that the pipeline writes and does not decode here
        return
    decoded = decoder([value])
    assert not decoded.rejections
    assert [event.event_id for event in decoded.events] == [event["event_id"] for event in events]


def test_a_file_may_mix_the_types() -> None:
    lines = (EXAMPLES / "valid" / "mixed.ndjson").read_bytes().splitlines(keepends=True)
    assert [parse_line(line)[0] for line in lines] == ["operations", "errors", "samples"]


def test_every_invalid_example_has_its_reason_beside_it() -> None:
    assert {path.name for path in (EXAMPLES / "invalid").iterdir()} == set(REFUSED)


@pytest.mark.parametrize("name", REFUSED)
def test_an_invalid_example_is_refused_for_exactly_its_reason(name: str) -> None:
    expected = REFUSED[name]
    value = (EXAMPLES / "invalid" / name).read_bytes()
    (rejection,) = DECODERS[expected["topic"]]([value]).rejections
    assert (rejection.index, rejection.reason, rejection.detail) == (
        expected["index"],
        expected["reason"],
        expected["detail"],
    )


@pytest.mark.parametrize("name", [name for name, expected in REFUSED.items() if expected["json_schema_refuses"]])
def test_the_json_schema_refuses_it_too(name: str) -> None:
    check = validator(type_of_topic(REFUSED[name]["topic"]))
    events = events_in((EXAMPLES / "invalid" / name).read_bytes())
    assert [index for index, event in enumerate(events) if not check.is_valid(event)] == [REFUSED[name]["index"] or 0]
