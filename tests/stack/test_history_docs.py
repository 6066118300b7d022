"""docs/history.md: its queries run, and it names what is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from pipeline.clickhouse_client import connect
from pipeline.core import records as panes_records
from pipeline.core.series import Series
from pipeline.lander.contents import read_contents
from pipeline.lander.roll_up import roll_up_new
from pipeline.settings import Settings
from schemas import structs
from tests.contracts.history_fixture import History
from tests.contracts.kafka_records import NOW_MS, error, operation, records
from tests.contracts.snapshots import PANE_MS, block_of, mark, marks, snapshot
from tests.contracts.told_records import alert, decision, letter, stats

pytestmark = pytest.mark.stack

TEXT = (Path(__file__).parents[2] / "docs" / "history.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"^([^\n]+)\n\n```sql\n(.+?)```", TEXT, re.MULTILINE | re.DOTALL)
ROWS = [
    [cell.strip().strip("`") for cell in line.split("|")[1:-1]]
    for line in TEXT.splitlines()
    if line.startswith("| `") and line.count("|") == 6  # the table of views
]


LEDGER = (("pipeline-ledger", b"shop@pod-3/8f2c/17"),)
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
DAY_MS = 86_400_000


@pytest.fixture
async def filled(history: History) -> History:
    """Something for every query to find: events of just now, panes of now and of last Tuesday, and what was told."""
    who = {"environment": "prod", "trace_id": TRACE, "user_id": "u7", "metadata": {"region": "eu"}}
    series = [Series("prod", "checkout", "pay"), Series("prod", "checkout", ""), Series("prod", "", "")]
    block = block_of({one: [41_000] for one in series})
    weekday = (NOW_MS // DAY_MS + 3) % 7
    tuesday_ms = (NOW_MS // DAY_MS - weekday - 6) * DAY_MS
    starts_ms = [NOW_MS - PANE_MS, tuesday_ms]
    panes = [panes_records.encode(snapshot(block, pane_start_ms=start_ms)) for start_ms in starts_ms]
    told: dict[str, list[Any]] = {
        "events.operations": [operation(1, timestamp_ms=NOW_MS, **who)],
        "events.errors": [error(1, **who)],
        "panes": [*panes, panes_records.encode(marks(mark()))],
        "stats": [structs.encode(stats(step_end_ms=NOW_MS))],
        "alerts": [structs.encode(alert())],
        "alerts.decisions": [structs.encode(decision())],
        "events.dead": [structs.encode(letter())],
    }
    for topic, values in told.items():
        numbered = [replace(record, headers=LEDGER) for record in records(topic, values)]
        for rows in read_contents(numbered, Settings()).rows:
            assert await history.land(rows) == []
    slots = f"{history.settings.database}.slots_log"
    history.client.command(
        f"INSERT INTO {slots} SELECT * REPLACE (1 AS repaired, 1 AS late) FROM {slots} FINAL LIMIT 1"
    )
    roll_up_new(history.client, history.settings)
    return history


@pytest.fixture
def database(filled: History) -> Iterator[Client]:
    """A client whose database is the history's, as `pipeline sql` has it."""
    settings = filled.settings
    with closing(
        connect(settings.model_copy(update={"clickhouse": f"{settings.clickhouse}/{settings.database}"}))
    ) as client:
        yield client


def test_there_are_ten_useful_queries() -> None:
    assert len(QUERIES) >= 10


@pytest.mark.parametrize("query", [query for _, query in QUERIES], ids=[title[:40] for title, _ in QUERIES])
def test_a_query_of_the_document_finds_something(database: Client, query: str) -> None:
    assert database.query(query).result_rows


def test_the_table_of_views_is_complete(database: Client) -> None:
    there = {
        name
        for (name,) in database.query("SELECT name FROM system.tables WHERE database = currentDatabase()").result_rows
    }
    documented = {row[0].split("(")[0] for row in ROWS} | {row[2] for row in ROWS if row[2].endswith("_log")}
    assert documented | {"schema_migrations"} == there


def test_what_is_kept_for_how_long_is_the_default_of_its_setting() -> None:
    for row in ROWS:
        if row[4]:
            field = row[4].removeprefix("PIPELINE_").lower()
            assert row[3].split()[0] == str(Settings.model_fields[field].default)
