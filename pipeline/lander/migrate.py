"""The migration runner: what is new is applied in order, and written down in `schema_migrations`.

Forward only. Every statement can be run again, so a migrator that dies between a statement and its record does no
harm: the next one repeats the statement. A table `migration_lock` keeps a second migrator waiting meanwhile.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from clickhouse_connect.driver.exceptions import DatabaseError

from pipeline.errors import FatalError
from pipeline.lander.migration_files import Migration, read_migrations, render
from pipeline.lander.retention import apply_retention, retention_to_change
from pipeline.settings import Settings

LOCK_SECONDS = 60
"""A lock older than this was left by a migrator that died."""
_TABLE_EXISTS = "Code: 57"

log = logging.getLogger(__name__)


class Result(Protocol):
    """What a query returns."""

    result_rows: list[tuple[object, ...]]


class Client(Protocol):
    """The part of a clickhouse-connect client that the history needs."""

    def command(self, cmd: str, parameters: dict[str, object] | None = None) -> object:
        """Run a statement that returns nothing or one value."""

    def query(self, query: str, parameters: dict[str, object] | None = None) -> Result:
        """Run a query."""


def migrate(
    client: Client, settings: Settings, migrations: list[Migration] | None = None, cluster: str = ""
) -> list[str]:
    """Bring the history's schema up to date; return the names of the files applied now, [] when there was nothing.

    Raises FatalError when a file that was applied before has changed since, or when the database was made by a newer
    release. Errors of the connection pass through: callers retry them.
    """
    wanted = read_migrations() if migrations is None else migrations
    _make_bookkeeping(client, settings, cluster)
    # Most starts find nothing to do. They must not wait for the lock of one that was killed while it had it.
    if not _fresh(client, settings, wanted) and not retention_to_change(client, settings, cluster):
        return []
    with _lock(client, settings.database):
        fresh = _fresh(client, settings, wanted)
        for migration in fresh:
            _apply(client, migration, settings, cluster)
        apply_retention(client, settings, cluster)
    return [migration.file_name for migration in fresh]


def _fresh(client: Client, settings: Settings, wanted: list[Migration]) -> list[Migration]:
    applied = _applied(client, settings.database)
    _check(applied, wanted, settings.database)
    return [migration for migration in wanted if migration.number not in applied]


def _make_bookkeeping(client: Client, settings: Settings, cluster: str) -> None:
    on_cluster, replicated = (f"ON CLUSTER '{cluster}'", "Replicated") if cluster else ("", "")
    client.command(f"CREATE DATABASE IF NOT EXISTS {settings.database} {on_cluster}")
    client.command(f"""CREATE TABLE IF NOT EXISTS {settings.database}.schema_migrations {on_cluster} (
        number UInt32 COMMENT 'Number in the file name',
        name String COMMENT 'File name',
        checksum String COMMENT 'SHA-256 of the file',
        applied_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When it was applied'
    ) ENGINE = {replicated}ReplacingMergeTree(applied_at) ORDER BY number
    COMMENT 'Migrations that were applied to this database'""")


def _applied(client: Client, database: str) -> dict[int, tuple[str, str]]:
    rows = client.query(f"SELECT number, name, checksum FROM {database}.schema_migrations FINAL").result_rows  # noqa: S608 - the database is one word, checked by Settings
    return {int(str(number)): (str(name), str(checksum)) for number, name, checksum in rows}


def _check(applied: dict[int, tuple[str, str]], wanted: list[Migration], database: str) -> None:
    known = {migration.number: migration for migration in wanted}
    for number, (name, checksum) in sorted(applied.items()):
        if number not in known:
            raise FatalError(
                f"database {database!r} has migration {name}, which this release does not know: it was made by a newer "
                "release. Install that one, or choose another database with PIPELINE_DATABASE"
            )
        if known[number].checksum != checksum:
            raise FatalError(
                f"migration {known[number].file_name} was changed after it was applied to database {database!r} "
                f"(sha256 {checksum[:12]}… then, {known[number].checksum[:12]}… now). Put the file back as it was and "
                "make the change in a new migration with the next number"
            )


def _apply(client: Client, migration: Migration, settings: Settings, cluster: str) -> None:
    for statement in render(migration, settings, cluster):
        client.command(statement)
    client.command(
        f"INSERT INTO {settings.database}.schema_migrations (number, name, checksum) SETTINGS async_insert = 0 "  # noqa: S608 - all values are ours
        f"VALUES ({migration.number}, '{migration.file_name}', '{migration.checksum}')"
    )
    log.info("applied migration %s", migration.file_name)


@contextmanager
def _lock(client: Client, database: str, sleep: Callable[[float], None] = time.sleep) -> Iterator[None]:
    """Hold the lock: a table, because making one is the one atomic test-and-set that every ClickHouse has."""
    while not _take(client, database):
        sleep(0.2)
    try:
        yield
    finally:
        client.command(f"DROP TABLE IF EXISTS {database}.migration_lock SYNC")


def _take(client: Client, database: str) -> bool:
    try:
        client.command(
            f"CREATE TABLE {database}.migration_lock (nothing UInt8 COMMENT 'Stays empty') ENGINE = Memory "
            "COMMENT 'Is there while a migrator is at work'"
        )
    except DatabaseError as error:
        if _TABLE_EXISTS not in str(error):
            raise
        _drop_stale(client, database)
        return False
    return True


def _drop_stale(client: Client, database: str) -> None:
    stale = client.query(
        "SELECT count() FROM system.tables WHERE database = {database:String} AND name = 'migration_lock' "
        "AND metadata_modification_time < now() - {seconds:UInt32}",
        {"database": database, "seconds": LOCK_SECONDS},
    ).result_rows[0][0]
    if stale:
        log.warning("a migrator died %s s ago or more: taking its lock away", LOCK_SECONDS)
        client.command(f"DROP TABLE IF EXISTS {database}.migration_lock SYNC")
