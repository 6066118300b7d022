"""`metadata`: the producer's own fields, any JSON object within bounds."""

from __future__ import annotations

import json
import math
from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationInfo
from pydantic_core import PydanticCustomError

from schemas.bounds import METADATA_BYTES, METADATA_DEPTH


def _check(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, dict):
        return value
    _check_values(value)
    size = (info.context or {}).get("metadata_bytes")
    if size is None:
        size = len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
    if size > METADATA_BYTES:
        raise PydanticCustomError(
            "metadata_bytes",
            "has {size} bytes of JSON: at most {limit} are allowed",
            {"size": size, "limit": METADATA_BYTES},
        )
    return value


def _check_values(metadata: dict[str, Any]) -> None:
    """Look at every value, layer by layer, so that no depth can exhaust the stack."""
    layer: list[object] = [metadata]
    for _ in range(METADATA_DEPTH):
        below: list[object] = []
        for value in layer:
            if isinstance(value, dict):
                below.extend(value)
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
            else:
                _check_scalar(value)
        layer = below
    if any(isinstance(value, dict | list) for value in layer):
        raise PydanticCustomError("metadata_depth", "is nested deeper than {limit} levels", {"limit": METADATA_DEPTH})


def _check_scalar(value: object) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise PydanticCustomError("metadata_number", "has a number that is not finite or too great for a double")
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise PydanticCustomError("metadata_text", "has text with half a surrogate pair") from error


Metadata = Annotated[dict[str, Any], BeforeValidator(_check)]
"""A JSON object of at most 64 KiB and 32 levels.

Its size is that of the text as it was written. Where only the parsed value is known, it is that of the shortest text;
the decoder knows the written size and passes it as validation context `metadata_bytes`.
"""
