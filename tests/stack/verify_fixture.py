"""A pipeline that has counted a little of everything, closed its panes and landed them: to be verified and repaired."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from clickhouse_connect.driver.client import Client

from pipeline.cli.compared_range import settled_cut
from pipeline.clickhouse_client import connect
from pipeline.history.findings import Compared, Difference
from pipeline.history.repairing import Place, repair
from pipeline.history.verifying import Asked, verify
from pipeline.lander.roll_up import roll_up_new
from pipeline.settings import Settings
from tests.stack.up_fixture import Cli, Up, free_ports

SETTINGS = {
    "PIPELINE_PARTITIONS": "2",
    "PIPELINE_WINDOWS": '["30s","1m"]',
    "PIPELINE_ALLOWED_LATENESS_MS": "2000",
    "PIPELINE_OUT_OF_ORDERNESS_MS": "1000",
    "PIPELINE_IDLE_AFTER_MS": "500",
    "PIPELINE_START_GRACE_MS": "500",
    "PIPELINE_SERIES_MAX": "12",
}
HOUR_MS, PANE_MS = 3_600_000, 10_000
BEGIN_MS = (time.time_ns() // 1_000_000 - 2 * HOUR_MS) // HOUR_MS * HOUR_MS
"""A whole hour, two hours or more ago."""
MINUTES = 3
CROWD_MS = BEGIN_MS + MINUTES * 60_000
ALL_TOLD_MS = CROWD_MS + 30_000 + PANE_MS + 60_000
"""The last step that a window holds anything at: nothing is told of the hour after that."""
LATE = 3

Record = tuple[str, int, Any]


def operation(number: int, at_ms: int, **changes: Any) -> dict[str, Any]:
    return {
        "type": "operation",
        "event_id": f"o{number}",
        "timestamp_ms": at_ms,
        "service": f"service-{number % 2}",
        "operation": f"operation-{number % 3}",
        "duration_ms": (number * 7919 % 100_000) / 1000,
        "success": number % 5 != 0,
        "status_code": (500, 200, 404, 504, 200)[number % 5],
        **changes,
    }


def error(number: int, at_ms: int, **changes: Any) -> dict[str, Any]:
    return {
        "type": "error",
        "event_id": f"e{number}",
        "timestamp_ms": at_ms,
        "service": f"service-{number % 2}",
        "severity": ("warning", "error", "critical")[number % 3],
        "error_type": "Broken",
        "message": "it broke",
        **({"operation": f"operation-{number % 3}"} if number % 4 else {}),
        **changes,
    }


UNUSUAL: list[dict[str, Any]] = [
    {"weight": 1_000, "duration_ms": 0},
    {"success": False, "outcome": "cancelled", "duration_ms": 12.5},
    {"duration_ms": 4_000_000, "weight": 3},
    {"success": False, "outcome": "timeout"},
    {"success": True, "outcome": "error"},
    {"duration_ms": 0.001},
    {"duration_ms": 2.048, "environment": "test"},
]


def some_of_everything() -> Iterator[Record]:
    """Topic, partition and value of each record: three minutes, in order, then events that are much too late."""
    for number in range(MINUTES * 60):
        at_ms = BEGIN_MS + number * 1_000
        event = operation(number, at_ms + 250, **(UNUSUAL[number % len(UNUSUAL)] if number % 3 == 0 else {}))
        yield "events.operations", number % 2, event if number % 4 else [event, operation(1_000 + number, at_ms)]
        if number % 7 == 0:
            yield "events.errors", number % 2, error(number, at_ms, weight=1 + number % 3)
    for number in range(20):  # more operations in one pane than the cap allows
        yield "events.operations", 0, operation(2_000 + number, CROWD_MS + number, operation=f"crowd-{number}")
    for partition in range(2):
        yield "events.operations", partition, operation(3_000 + partition, CROWD_MS + 30_000)
    yield "events.operations", 0, operation(4_001, BEGIN_MS + 500)
    yield "events.operations", 1, [operation(number, BEGIN_MS + 70_000) for number in (4_002, 4_003)]


def an_hour_later() -> Iterator[Record]:
    """One event in each partition, with which the hour is over; idle partitions would take as long as it lasted."""
    for partition in range(2):
        yield "events.operations", partition, operation(4_100 + partition, BEGIN_MS + HOUR_MS + 60_000)
        yield "events.errors", partition, error(4_100 + partition, BEGIN_MS + HOUR_MS + 60_000)


def events_in(records: Iterable[Record]) -> int:
    return sum(len(value) if isinstance(value, list) else 1 for *_, value in records)


async def publish(kafka: str, records: Iterable[Record]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all")
    await producer.start()
    try:
        for topic, partition, value in records:
            await producer.send_and_wait(topic, json.dumps(value).encode(), partition=partition)
    finally:
        await producer.stop()


class Told:
    """A pipeline whose history is settled, and what verify and repair say of its hour."""

    def __init__(self, cli: Cli, where: dict[str, Any], client: Client) -> None:
        self.cli = cli
        self.kafka: str = where["kafka"]
        self.client = client
        environment = {name.removeprefix("PIPELINE_").lower(): value for name, value in SETTINGS.items()}
        environment["windows"] = json.loads(environment["windows"])
        self.settings = Settings.model_validate({**environment, **{n: where[n] for n in ("kafka", "clickhouse")}})
        self.asked = Asked(BEGIN_MS, BEGIN_MS + HOUR_MS, 1_000)

    def verified(self, *, long: bool = False) -> Compared:
        cut = settled_cut(self.settings, self.client, landed=False)
        asked = replace(self.asked, long=long)
        return verify(self.client, "pipeline", self.settings, asked, cut, lambda *_: None)

    def repaired(self, *, dry_run: bool = False) -> Compared:
        cut = settled_cut(self.settings, self.client, landed=False)
        return repair(Place(self.client, self.settings, cut, dry_run), self.asked, lambda *_: None)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        return list(self.client.query(query).result_rows)

    def wait_until_settled(self, rows: int, seconds: float = 240) -> Compared:
        """Wait until so many raw rows are in slots or late, every window was told and the roll-ups are made."""
        deadline = time.monotonic() + seconds
        while True:
            roll_up_new(self.client, self.settings)  # the lander does so once a minute
            found = self.verified()
            through_ms = self.ask("SELECT toUnixTimestamp64Milli(max(step_end)) FROM window_stats")[0][0]
            everything = found.counts.get("raw rows", 0) >= rows and through_ms >= ALL_TOLD_MS
            if everything and not any(found.left_out.values()):
                return found
            assert time.monotonic() < deadline, found
            time.sleep(2)


def places(differences: Iterable[Difference]) -> set[tuple[str, str, int, str]]:
    """What is named, without by how much."""
    return {(one.what.value, one.series.label(), one.at_ms, one.where) for one in differences}


@pytest.fixture(scope="module")  # a stack that idles until the end of the session would cost the others time
def settled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    cli = Cli(tmp_path_factory.mktemp("told"), {**free_ports(), **SETTINGS})
    up = Up(cli)
    try:
        records = list(some_of_everything())
        asyncio.run(publish(up.where["kafka"], records))
        with closing(connect(Settings(clickhouse=up.where["clickhouse"]))) as client:
            client.database = "pipeline"
            one = Told(cli, up.where, client)
            asyncio.run(publish(up.where["kafka"], an_hour_later()))
            one.wait_until_settled(events_in(records) - LATE)
            yield one
    finally:
        up.stop()


COPIED = {
    "operations_log": "timestamp",
    "slots_log": "pane_start",
    "panes_1m_log": "pane_start",
    "panes_1h_log": "pane_start",
    "window_stats_log": "step_end",
}
"""Tables, and the column that says whether a row is of the hour: what is told of the next one still lands."""


def _of_the_hour(table: str) -> str:
    return f"{COPIED[table]} <= fromUnixTimestamp64Milli({BEGIN_MS + HOUR_MS})"


@pytest.fixture
def told(settled: Told) -> Iterator[Told]:
    """The same, and afterwards put back as it was."""
    for table in COPIED:
        rows = f"SELECT * FROM {table} FINAL WHERE {_of_the_hour(table)}"
        settled.client.command(f"CREATE OR REPLACE TABLE kept_{table} ENGINE = Memory AS {rows}")
    yield settled
    for table in COPIED:
        settled.client.command(f"DELETE FROM {table} WHERE {_of_the_hour(table)}")
        columns = settled.ask(
            "SELECT arrayStringConcat(groupArray(name), ', ') FROM system.columns "
            f"WHERE database = 'pipeline' AND table = 'kept_{table}'"
        )[0][0]
        settled.client.command(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM kept_{table}")
        settled.client.command(f"DROP TABLE kept_{table} SYNC")
