"""A history of its own for one test: a fresh database, migrated, on the ClickHouse that the session shares."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from pipeline.clickhouse_client import connect, parse_address
from pipeline.lander.inserter import Inserter
from pipeline.lander.migrate import migrate
from pipeline.lander.rows import Refusal, Rows
from pipeline.settings import Settings


class History:
    """A database, how to land rows in it, and how to ask it."""

    def __init__(self, settings: Settings, client: Client) -> None:
        self.settings = settings
        self.client = client

    def ask(self, sql: str, **parameters: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query; `{db}` stands for the database."""
        return list(self.client.query(sql.replace("{db}", self.settings.database), parameters=parameters).result_rows)

    def one(self, sql: str, **parameters: object) -> Any:
        """Return the only value of a query."""
        return self.ask(sql, **parameters)[0][0]

    def inserter(self) -> Inserter:
        address = str(parse_address(self.settings.clickhouse or ""))
        return Inserter(
            partial(connect, self.settings), self.settings.database, address, max_rows=self.settings.batch_rows
        )

    async def land(self, rows: Rows) -> list[Refusal]:
        """Land rows as the lander does."""
        inserter = self.inserter()
        try:
            return await inserter.land(rows)
        finally:
            inserter.close()


def new_database(clickhouse: str, **changes: object) -> Settings:
    """Settings for a database that nobody has."""
    return Settings(clickhouse=clickhouse, database=f"t{uuid.uuid4().hex[:12]}").model_copy(update=changes)


def _with_database(clickhouse: str) -> Iterator[History]:
    settings = new_database(clickhouse)
    with closing(connect(settings)) as client:
        yield History(settings, client)
        client.command(f"DROP DATABASE IF EXISTS {settings.database} SYNC")


@pytest.fixture
def empty_history(clickhouse: str) -> Iterator[History]:
    """A database that is not there yet; it is dropped afterwards."""
    yield from _with_database(clickhouse)


@pytest.fixture(scope="session")
def migrated_history(clickhouse: str) -> Iterator[History]:
    """A migrated database that the tests of a session share: migrating takes a second or more."""
    for history in _with_database(clickhouse):
        migrate(history.client, history.settings)
        yield history


@pytest.fixture
def history(migrated_history: History) -> History:
    """A migrated database whose tables are empty."""
    tables = migrated_history.ask("SELECT table FROM system.parts WHERE database = '{db}' AND active GROUP BY table")
    for (table,) in tables:
        if table != "schema_migrations":
            migrated_history.client.command(f"TRUNCATE TABLE {migrated_history.settings.database}.{table} SYNC")
    return migrated_history
