"""The JSON Schemas and `docs/events.md` say what the models say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped] # its stubs are a package of their own
import pytest

from pipeline.decode import parse_line
from schemas.generate import FOLDER, MODELS, schema_path, schema_text
from schemas.reasons import MEANING, Reason

PAGE = (Path(__file__).parents[2] / "docs" / "events.md").read_text(encoding="utf-8")
EVENTS = ("operation", "error", "sample")


@pytest.mark.parametrize("kind", MODELS)
def test_the_json_schema_is_current(kind: str) -> None:
    assert schema_path(kind).read_text(encoding="utf-8") == schema_text(kind), "run: python -m schemas.generate"


@pytest.mark.parametrize("kind", MODELS)
def test_the_json_schema_is_one(kind: str) -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(schema_text(kind)))


def test_there_is_no_schema_without_a_model() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {schema_path(kind).name for kind in MODELS}


def described(schema: dict[str, Any]) -> list[bool]:
    nested = [flag for definition in schema.get("$defs", {}).values() for flag in described(definition)]
    return [bool(field.get("description")) for field in schema.get("properties", {}).values()] + nested


@pytest.mark.parametrize("kind", MODELS)
def test_every_field_is_described(kind: str) -> None:
    assert all(described(json.loads(schema_text(kind))))


@pytest.mark.parametrize("kind", EVENTS)
def test_the_page_has_every_field_of_every_event(kind: str) -> None:
    assert [name for name in MODELS[kind].model_fields if f"| `{name}` |" not in PAGE] == []


def test_the_page_has_every_reason_with_its_meaning() -> None:
    assert [reason for reason in Reason if f"| `{reason}` | {MEANING[reason]} |" not in PAGE] == []


def test_every_event_on_the_page_is_accepted() -> None:
    blocks = [part.split("```")[0] for part in PAGE.split("```json\n")[1:]]
    assert len(blocks) >= len(EVENTS)
    for block in blocks:
        parse_line(json.dumps(json.loads(block)).encode())


def bounds_of(field: dict[str, Any]) -> set[str]:
    options = [field, *field.get("anyOf", [])]
    return {
        f"{int(option[name]):,}" for option in options for name in ("maxLength", "minimum", "maximum") if name in option
    }


@pytest.mark.parametrize("kind", EVENTS)
def test_the_bounds_on_the_page_are_those_of_the_schemas(kind: str) -> None:
    for name, field in json.loads(schema_text(kind))["properties"].items():
        rows = [line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |")]
        assert {bound for bound in bounds_of(field) if not any(bound in row for row in rows)} == set(), name
