"""What the receivers say that they take."""

import json
from pathlib import Path

import jsonschema  # type: ignore[import-untyped] # its stubs are a package of their own


def check(name: str, body: bytes) -> None:
    """Raise jsonschema.ValidationError if a body is not what the receiver takes."""
    schema = json.loads((Path(__file__).parent / f"{name}.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(json.loads(body))
