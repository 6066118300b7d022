"""Migrations as text."""

import re
from pathlib import Path

import pytest

from pipeline.errors import FatalError
from pipeline.lander.migration_files import Migration, read_migrations, render
from pipeline.settings import Settings

SETTINGS = Settings(database="watch", raw_days=12)
ALL = read_migrations()
TABLES = [migration for migration in ALL if "CREATE TABLE" in migration.text]
CHANGES = [migration for migration in ALL if "ALTER TABLE" in migration.text]


def named(migration: Migration) -> str:
    return migration.file_name


@pytest.mark.parametrize("migration", ALL, ids=named)
def test_a_file_holds_one_statement_that_can_be_run_again(migration: Migration) -> None:
    (statement,) = render(migration, SETTINGS)
    assert ";" not in re.sub(r"'(?:[^']|'')*'", "", statement)
    assert "IF NOT EXISTS" in statement or "OR REPLACE" in statement


@pytest.mark.parametrize("migration", ALL, ids=named)
def test_lines_fit_the_screen(migration: Migration) -> None:
    assert [line for line in migration.text.splitlines() if len(line) > 120] == []


@pytest.mark.parametrize("migration", ALL, ids=named)
def test_on_a_cluster_every_statement_runs_on_every_host(migration: Migration) -> None:
    for statement in render(migration, SETTINGS, cluster="main"):
        assert "ON CLUSTER 'main'" in statement


@pytest.mark.parametrize("migration", TABLES, ids=named)
def test_a_table_of_a_cluster_is_replicated_and_distributed_by_its_identity(migration: Migration) -> None:
    local, distributed = render(migration, SETTINGS, cluster="main")
    assert f"watch.{migration.name}_local " in local
    assert "ENGINE = ReplicatedReplacingMergeTree" in local
    assert distributed.startswith(f"CREATE TABLE IF NOT EXISTS watch.{migration.name} ")
    assert f"Distributed('main', 'watch', '{migration.name}_local', cityHash64(" in distributed


@pytest.mark.parametrize("migration", CHANGES, ids=named)
def test_a_changed_table_of_a_cluster_is_made_anew_where_it_is_distributed(migration: Migration) -> None:
    local, distributed = render(migration, SETTINGS, cluster="main")
    (made,) = [render(table, SETTINGS, cluster="main")[1] for table in TABLES if table.name == migration.name]
    assert local.startswith(f"ALTER TABLE watch.{migration.name}_local ")
    assert distributed == made.replace("CREATE TABLE IF NOT EXISTS", "CREATE OR REPLACE TABLE")


@pytest.mark.parametrize("migration", TABLES, ids=named)
def test_rows_are_sharded_by_columns_of_their_sort_key(migration: Migration) -> None:
    order = migration.text.split("ORDER BY (")[1].split(")\n")[0]
    sharding = migration.text.split("cityHash64(")[1].split(")")[0]
    assert {name.strip() for name in sharding.split(",")} <= {name.strip() for name in order.split(",")}


def test_the_settings_are_filled_in_and_a_views_parameters_are_left_alone() -> None:
    (operations,) = render(ALL[0], SETTINGS)
    assert "watch.operations_log " in operations
    assert "toIntervalDay(12)" in operations
    latency = next(migration for migration in ALL if migration.name == "latency")
    assert "{from:DateTime64(3, 'UTC')}" in render(latency, SETTINGS)[0]


def test_the_checksum_does_not_depend_on_settings() -> None:
    assert ALL[0].checksum == Migration(ALL[0].number, ALL[0].name, ALL[0].text).checksum
    assert ALL[0].checksum != Migration(ALL[0].number, ALL[0].name, ALL[0].text + " ").checksum


def test_a_misnamed_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "1-audit.sql").write_text("SELECT 1")
    with pytest.raises(FatalError, match=r"1-audit\.sql .* NNN_name\.sql"):
        read_migrations(tmp_path)


def test_two_files_of_one_number_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "001_a.sql").write_text("SELECT 1")
    (tmp_path / "001_b.sql").write_text("SELECT 2")
    with pytest.raises(FatalError, match=r"001_b\.sql and 001_a\.sql have one number"):
        read_migrations(tmp_path)
