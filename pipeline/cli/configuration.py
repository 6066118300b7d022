"""Settings for a command: read, explained when wrong, and completed with the addresses of a running `pipeline up`."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import ValidationError
from pydantic_settings import SettingsError

from pipeline.errors import FatalError
from pipeline.settings import Settings
from pipeline.up.runfile import read_running, runfile_path

_PREFIX = "PIPELINE_"


def load() -> Settings:
    """Return the settings of this environment; raises FatalError that names each wrong variable and what is allowed."""
    try:
        return Settings()
    except ValidationError as error:
        raise FatalError(explain(error)) from None
    except SettingsError as error:  # a list that is not JSON
        raise FatalError(_explain_list(error)) from None


def explain(error: ValidationError) -> str:
    """Return one line per wrong setting: its variable, what was found, what is allowed."""
    return "\n".join(
        _line(str(one["loc"][0]) if one["loc"] else "", one["input"], one["msg"]) for one in error.errors()
    )


def resolve(settings: Settings, *, kafka: bool = True, clickhouse: bool = True) -> Settings:
    """Return settings with both addresses filled in.

    What the settings name comes first, then a `pipeline up` that runs in this home; its rules, too. Raises FatalError
    where one that is needed (`kafka`, `clickhouse`) is neither named nor running.
    """
    missing = (kafka and not settings.kafka) or (clickhouse and not settings.clickhouse)
    running = read_running(settings) if not (settings.kafka and settings.clickhouse) else None
    if running is not None:
        rules = settings.rules or (Path(running.rules) if running.rules else None)
        found = {"kafka": settings.kafka or running.kafka, "clickhouse": settings.clickhouse or running.clickhouse}
        return settings.model_copy(update={**found, "rules": rules})
    if missing:
        raise FatalError(
            f"No pipeline is running here (looked in {runfile_path(settings)}), or it is still starting. "
            "Start one with `pipeline up`, or set PIPELINE_KAFKA and PIPELINE_CLICKHOUSE."
        )
    return settings


def require_named(settings: Settings, worker: str, names: tuple[str, ...]) -> Settings:
    """Return the settings with addresses for a worker that runs alone; raises FatalError that names what is missing."""
    try:
        return resolve(settings, kafka="kafka" in names, clickhouse="clickhouse" in names)
    except FatalError:
        wanted = " and ".join(_PREFIX + name.upper() for name in names if not getattr(settings, name))
        raise FatalError(
            f"The {worker} needs {wanted}: set it to the address of a server, or start everything with `pipeline up`."
        ) from None


def _line(field: str, value: object, message: str) -> str:
    name = _PREFIX + field.upper()
    found = os.environ.get(name, str(value))
    allowed = message.removeprefix("Value error, ").replace("Input should", "it should")
    described = Settings.model_fields[field].description if field in Settings.model_fields else None
    return f"{name}={found} cannot be used: {allowed}{f' ({described})' if described else ''}"


def _explain_list(error: SettingsError) -> str:
    field = next((word for word in str(error).split('"') if word in Settings.model_fields), "")
    example = f"""it has to be a JSON list, for example {_PREFIX}WINDOWS='["1m","5m"]'"""
    return _line(field, "", example) if field else str(error)
