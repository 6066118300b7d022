"""Migrations as text: read from `migrations/`, rendered for one server or for a cluster.

A file is ``NNN_name.sql`` and holds one statement. ``{database}``, ``{on_cluster}``, ``{local}``, ``{replicated}`` and
the retention settings stand for what differs; any other brace is ClickHouse's own (a view's parameter). On a cluster
a file that begins with ``-- sharding: EXPRESSION`` makes two statements: the replicated table ``x_local`` on every
host, and ``x``, Distributed over it. The expression depends on the row's identity alone, so that all copies and
versions of a row meet on one shard, where FINAL can merge them. A file that alters a table has its name and begins in
the same way: ``x_local`` is altered, and ``x``, which holds nothing itself, is made anew with its columns.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import FatalError
from pipeline.settings import Settings

FOLDER = Path(__file__).parent / "migrations"
_FILE_NAME = re.compile(r"(\d{3})_([a-z0-9_]+)\.sql")
_SHARDING = re.compile(r"\A-- sharding: (.+)\n")
_KEPT = ("raw_days", "slots_days", "rollup_months", "alerts_days", "decisions_days")
_NAMES = ("database", "on_cluster", "local", "replicated", *_KEPT)
_PLACEHOLDER = re.compile(r"\{(" + "|".join(_NAMES) + r")\}")


@dataclass(frozen=True, slots=True)
class Migration:
    """One file. The checksum is over the template, so that a changed retention setting is no changed migration."""

    number: int
    name: str
    text: str

    @property
    def file_name(self) -> str:
        """The file's name, as messages give it."""
        return f"{self.number:03d}_{self.name}.sql"

    @property
    def checksum(self) -> str:
        """SHA-256 of the template, in hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def read_migrations(folder: Path = FOLDER) -> list[Migration]:
    """Return the migrations in a folder by number; FatalError for a misnamed file or a number that is there twice."""
    found: dict[int, Migration] = {}
    for path in sorted(folder.glob("*.sql")):
        match = _FILE_NAME.fullmatch(path.name)
        if match is None:
            raise FatalError(
                f"{path.name} in {folder} is no migration: name it NNN_name.sql, for example 042_audit.sql"
            )
        number = int(match[1])
        if number in found:
            raise FatalError(f"{path.name} and {found[number].file_name} have one number: give the newer the next one")
        found[number] = Migration(number, match[2], path.read_text(encoding="utf-8"))
    return [found[number] for number in sorted(found)]


def render(migration: Migration, settings: Settings, cluster: str = "") -> list[str]:
    """Return the statements of one migration: one, or on a cluster two for a table.

    A cluster's have only been checked as text: none was at hand to run them on.
    """
    values = {name: str(getattr(settings, name)) for name in _NAMES if hasattr(settings, name)}
    values |= {
        "on_cluster": f"ON CLUSTER '{cluster}'" if cluster else "",
        "replicated": "Replicated" if cluster else "",
    }
    sharding = _SHARDING.match(migration.text)
    distributed = bool(cluster and sharding)
    values["local"] = "_local" if distributed else ""
    body = migration.text[sharding.end() :] if sharding else migration.text
    statement = _PLACEHOLDER.sub(lambda match: values[match[1]], body).strip()
    if not (distributed and sharding):
        return [statement]
    table = migration.name
    make = "CREATE OR REPLACE TABLE" if statement.startswith("ALTER") else "CREATE TABLE IF NOT EXISTS"
    over = (
        f"{make} {settings.database}.{table} ON CLUSTER '{cluster}' "
        f"AS {settings.database}.{table}_local "
        f"ENGINE = Distributed('{cluster}', '{settings.database}', '{table}_local', {sharding[1]})"
    )
    return [statement, over]
