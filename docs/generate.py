"""Write docs/configuration.md from the settings: `make docs`. A test holds that the file is current."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from pipeline.settings import Settings

PATH = Path(__file__).parent / "configuration.md"
PREFIX = "PIPELINE_"
MADE_DEFAULTS = {"home": "`.pipeline` here or above", "cache": "`event-pipeline` in the user's cache"}
BOUNDS = ((Ge, "ge", "≥"), (Gt, "gt", ">"), (Le, "le", "≤"), (Lt, "lt", "<"))
INTRODUCTION = """\
# Configuration

Every setting is an environment variable. A wrong one stops the command, which says what it found and what is allowed.
All processes of one pipeline need the same values; those that may differ from process to process are
`PIPELINE_HOME`, `PIPELINE_CACHE`, `PIPELINE_WORKER_ID` and `PIPELINE_LOG_LEVEL`.

```console
$ PIPELINE_KAFKA=kafka-1:9092,kafka-2:9092 PIPELINE_WINDOWS='["1m","5m"]' .venv/bin/pipeline evaluator
```

Values of rules have variables of their own, such as `PIPELINE_RULE_ERROR_RATE_CRITICAL`: see
[alerting](alerting.md#changing-rules-while-everything-runs).

`PIPELINE_PARTITIONS`, `PIPELINE_PANE_SECONDS` and `PIPELINE_NAMESPACE` are chosen once: topics and tables are laid out
by them.

<!-- Written by `make docs` from pipeline/settings.py. Change it there. -->

| variable | default | allowed | what it is |
| --- | --- | --- | --- |
"""


def default(name: str, field: FieldInfo) -> str:
    """Return a setting's default as one would write it in the shell; unset where there is none."""
    if field.default_factory is not None:
        return MADE_DEFAULTS[name]
    value = field.default
    if value in (None, ""):
        return "unset"
    return f"`{json.dumps(value) if isinstance(value, tuple) else value}`"


def allowed(field: FieldInfo) -> str:
    """Return what a setting may be: its bounds, its choices or its pattern."""
    if get_origin(field.annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(field.annotation))
    bounds = [
        f"{sign} {getattr(rule, attribute)}"
        for rule in field.metadata
        for kind, attribute, sign in BOUNDS
        if isinstance(rule, kind)
    ]
    patterns = [f"`{rule.pattern}`" for rule in field.metadata if getattr(rule, "pattern", None)]
    return ", ".join(bounds + patterns)


def page() -> str:
    """Return the whole of docs/configuration.md."""
    rows = (
        f"| `{PREFIX}{name.upper()}` | {default(name, field)} | {allowed(field)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    )
    return INTRODUCTION + "\n".join(rows) + "\n"


if __name__ == "__main__":
    PATH.write_text(page(), encoding="utf-8")
    print(f"wrote {PATH.relative_to(Path.cwd()) if PATH.is_relative_to(Path.cwd()) else PATH}")
