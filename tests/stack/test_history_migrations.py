"""Migrations on a real ClickHouse."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import pytest

from pipeline.clickhouse_client import connect
from pipeline.errors import FatalError
from pipeline.lander import migrate as migrate_module
from pipeline.lander.migrate import migrate
from pipeline.lander.migration_files import read_migrations
from pipeline.lander.retention import apply_retention
from tests.contracts.history_fixture import History

pytestmark = pytest.mark.stack


def test_the_second_time_nothing_is_left_to_do(empty_history: History) -> None:
    client, settings = empty_history.client, empty_history.settings
    files = [migration.file_name for migration in read_migrations()]
    assert migrate(client, settings) == files
    assert migrate(client, settings) == []
    assert [name for (name,) in empty_history.ask("SELECT name FROM {db}.schema_migrations ORDER BY number")] == files


def test_a_release_with_one_more_file_applies_that_one(empty_history: History) -> None:
    client, settings = empty_history.client, empty_history.settings
    *older, newest = read_migrations()
    migrate(client, settings, older)
    assert migrate(client, settings) == [newest.file_name]


def test_a_changed_file_is_refused_by_name(empty_history: History) -> None:
    client, settings = empty_history.client, empty_history.settings
    first = read_migrations()[0]
    migrate(client, settings, [first])
    changed = replace(first, text=first.text + "-- better\n")
    with pytest.raises(FatalError, match=r"migration 001_operations_log\.sql was changed .* next number"):
        migrate(client, settings, [changed])


def test_a_database_of_a_newer_release_is_refused(empty_history: History) -> None:
    client, settings = empty_history.client, empty_history.settings
    first, second, *_ = read_migrations()
    migrate(client, settings, [first, second])
    with pytest.raises(FatalError, match=r"has migration 002_errors_log\.sql, which this release does not know"):
        migrate(client, settings, [first])


def test_migrators_at_the_same_time_wait_for_each_other(empty_history: History) -> None:
    def one() -> list[str]:
        with closing(connect(empty_history.settings)) as client:
            return migrate(client, empty_history.settings)

    with ThreadPoolExecutor(3) as pool:
        applied = [future.result() for future in [pool.submit(one) for _ in range(3)]]
    assert sorted(map(len, applied)) == [0, 0, len(read_migrations())]


def test_the_lock_of_a_dead_migrator_is_taken_away(empty_history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    client, settings = empty_history.client, empty_history.settings
    client.command(f"CREATE DATABASE {settings.database}")
    client.command(f"CREATE TABLE {settings.database}.migration_lock (nothing UInt8) ENGINE = Memory")
    monkeypatch.setattr(migrate_module, "LOCK_SECONDS", 1)
    assert len(migrate(client, settings)) == len(read_migrations())


def test_a_start_with_nothing_to_migrate_does_not_wait_for_the_lock_of_one_that_was_killed(history: History) -> None:
    client, settings = history.client, history.settings
    client.command(f"CREATE TABLE {settings.database}.migration_lock (nothing UInt8) ENGINE = Memory")
    began = time.monotonic()
    try:
        assert migrate(client, settings) == []
    finally:
        client.command(f"DROP TABLE {settings.database}.migration_lock SYNC")
    assert time.monotonic() - began < migrate_module.LOCK_SECONDS / 2


def test_every_table_and_view_says_what_it_is(history: History) -> None:
    silent = history.ask("SELECT name FROM system.tables WHERE database = '{db}' AND comment = ''")
    assert silent == []


def test_retention_follows_the_settings_and_otherwise_leaves_the_tables_alone(empty_history: History) -> None:
    client, settings = empty_history.client, empty_history.settings
    migrate(client, settings)
    assert apply_retention(client, settings) == []
    longer = settings.model_copy(update={"raw_days": 90, "rollup_months": 25})
    assert migrate(client, longer) == []
    assert apply_retention(client, longer) == []
    made = empty_history.one(
        "SELECT create_table_query FROM system.tables WHERE database = '{db}' AND name = 'operations_log'"
    )
    assert "toIntervalDay(90)" in made
