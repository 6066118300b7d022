"""The structs of the fast lane and of the records we write say the same as the pydantic models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline.decode.kinds import ERRORS, OPERATIONS, SAMPLES, Kind
from schemas import structs
from schemas.alert import Alert
from schemas.alert_decision import AlertDecision
from schemas.dead_letter import DeadLetter
from schemas.dead_outcome import DeadOutcome
from schemas.generate import MODELS
from schemas.stats import StatsRecord

EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples" / "valid"
BOUNDS = ("type", "const", "enum", "minimum", "maximum", "minLength", "maxLength")


def normal(schema: dict[str, Any]) -> Any:
    """What a field allows, whichever library wrote its JSON Schema."""
    if "anyOf" in schema:
        return sorted((normal(option) for option in schema["anyOf"]), key=str)
    bounds = {name: schema[name] for name in BOUNDS if name in schema}
    if "const" in bounds:
        bounds["enum"] = [bounds.pop("const")]
    if "enum" in bounds:
        return {"enum": sorted(bounds["enum"])}
    return bounds


def fields(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: normal(field) for name, field in schema["properties"].items() if name != "metadata"}


def schema_of(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON Schema of a struct but for `metadata`, whose default msgspec can't put into one."""
    described = [
        (field.name, field.type) if field.required else (field.name, field.type, field.default)
        for field in msgspec.structs.fields(struct)
        if field.name != "metadata"
    ]
    schema: dict[str, Any] = msgspec.json.schema(msgspec.defstruct("Bare", described, kw_only=True))["$defs"]["Bare"]
    return schema


@pytest.mark.parametrize("kind", [OPERATIONS, ERRORS, SAMPLES], ids=lambda kind: kind.topic)
def test_the_fast_lane_has_the_fields_and_bounds_of_the_contract(kind: Kind[Any]) -> None:
    fast = schema_of(kind.struct)
    contract = kind.model.model_json_schema()
    assert fields(fast) == fields(contract)
    assert sorted(fast["required"]) == sorted(contract["required"])
    assert {*fast["properties"], "metadata"} == set(contract["properties"])


@pytest.mark.parametrize("kind", [OPERATIONS, ERRORS, SAMPLES], ids=lambda kind: kind.topic)
def test_the_fast_lane_has_the_defaults_of_the_contract(kind: Kind[Any]) -> None:
    for field in msgspec.structs.fields(kind.struct):
        if not field.required and field.name != "metadata":
            assert field.default == kind.model.model_fields[field.name].default


@pytest.mark.parametrize("kind", [OPERATIONS, ERRORS, SAMPLES], ids=lambda kind: kind.topic)
def test_the_fast_lane_checks_every_field_that_must_be_a_name(kind: Kind[Any]) -> None:
    properties = kind.model.model_json_schema()["properties"]
    in_contract = {name for name, field in properties.items() if '"pattern"' in json.dumps(field)}
    probe = msgspec.structs.fields(kind.struct)
    event = kind.struct(**{field.name: field.name for field in probe})
    assert set(kind.names(event)) == kind.distinct_names([event]) == in_contract


@pytest.mark.parametrize("name", ["stats", "stats_no_calls", "alert", "dead_letter", "dead_outcome"])
def test_a_record_that_we_write_is_the_same_json_by_struct_and_by_model(name: str) -> None:
    text = (EXAMPLES / f"{name}.json").read_bytes()
    by_struct = structs.encode(structs.decode(text))
    model = MODELS[json.loads(text)["type"]].model_validate_json(text)
    assert json.loads(by_struct) == json.loads(model.model_dump_json()) == json.loads(text)


@pytest.mark.parametrize(
    ("struct", "model"),
    [
        (structs.StatsRecord, StatsRecord),
        (structs.Alert, Alert),
        (structs.AlertDecision, AlertDecision),
        (structs.DeadLetter, DeadLetter),
        (structs.DeadOutcome, DeadOutcome),
    ],
    ids=["stats", "alert", "alert_decision", "dead_letter", "dead_outcome"],
)
def test_a_record_that_we_write_has_the_fields_of_its_model_in_order(struct: Any, model: Any) -> None:
    written = msgspec.json.schema(struct)["$defs"]
    contract = model.model_json_schema()
    definitions = {model.__name__: contract, **contract.get("$defs", {})}
    for name, definition in written.items():
        assert list(definition["properties"]) == list(definitions[name]["properties"])
        # What has a default in the struct is written all the same, so the contract may require less.
        assert set(definitions[name].get("required", [])) <= {*definition["required"], "type"}
