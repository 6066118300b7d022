"""Write the JSON Schemas of the contracts: ``python -m schemas.generate``."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel

from schemas.alert import Alert
from schemas.alert_decision import AlertDecision
from schemas.dead_letter import DeadLetter
from schemas.dead_outcome import DeadOutcome
from schemas.error import ErrorEvent
from schemas.notice import NoticeRecord
from schemas.operation import OperationEvent
from schemas.sample import SampleEvent
from schemas.stats import StatsRecord

FOLDER = Path(__file__).parent / "json"
MODELS: dict[str, type[BaseModel]] = {
    "operation": OperationEvent,
    "error": ErrorEvent,
    "sample": SampleEvent,
    "stats": StatsRecord,
    "alert": Alert,
    "alert_decision": AlertDecision,
    "notice": NoticeRecord,
    "dead_letter": DeadLetter,
    "dead_outcome": DeadOutcome,
}
"""The contract of each `type`."""


def schema_text(kind: str) -> str:
    """Return the JSON Schema (draft 2020-12) of one `type`, as it stands in `schemas/json/`."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **MODELS[kind].model_json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def schema_path(kind: str) -> Path:
    """Return where the JSON Schema of one `type` stands."""
    return FOLDER / f"{kind}.schema.json"


def main() -> None:
    """Write every schema."""
    FOLDER.mkdir(exist_ok=True)
    for kind in MODELS:
        schema_path(kind).write_text(schema_text(kind), encoding="utf-8")


if __name__ == "__main__":
    main()
