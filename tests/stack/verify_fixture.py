"""A pipeline that has counted a little of everything, closed its panes and landed them: to be verified and repaired."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

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
BEGIN_MS = (time.time_ns() // 1_000_000 - 2 * 3_600_000) // 3_600_000 * 3_600_000
"""A whole hour, two hours or more ago."""
SPAN = (f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(BEGIN_MS / 1000))}", "1h")
MINUTES = 3
END_MS = BEGIN_MS + MINUTES * 60_000


def an_operation(number: int, at_ms: int, **changes: Any) -> dict[str, Any]:
    return {
        "type": "operation",
        "event_id": f"o{number}",
        "timestamp_ms": at_ms,
        "service": f"service-{number % 2}",
        "operation": f"operation-{number % 3}",
        "duration_ms": (number * 7919 % 100_000) / 1000,
        "success": number % 5 != 0,
        "status_code": (200, 200, 404, 504, 500)[number % 5],
        **changes,
    }


def an_error(number: int, at_ms: int, **changes: Any) -> dict[str, Any]:
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


def some_of_everything() -> Iterator[tuple[str, int, Any]]:
    """Topic, partition and value of each record: three minutes, in order, then an event that is much too late."""
    unusual: list[dict[str, Any]] = [
        {"weight": 1_000, "duration_ms": 0},
        {"success": False, "outcome": "cancelled", "duration_ms": 12.5},
        {"duration_ms": 4_000_000, "weight": 3},
        {"success": False, "outcome": "timeout"},
        {"success": True, "outcome": "error"},
        {"duration_ms": 0.001},
        {"duration_ms": 2.048, "environment": "test"},
    ]
    for number in range(MINUTES * 60):
        at_ms = BEGIN_MS + number * 1_000
        changes = unusual[number % len(unusual)] if number % 3 == 0 else {}
        event = an_operation(number, at_ms + 250, **changes)
        yield "events.operations", number % 2, event if number % 4 else [event, an_operation(number + 1, at_ms)]
        if number % 7 == 0:
            yield "events.errors", number % 2, an_error(number, at_ms, weight=1 + number % 3)
    # One pane with more operations than the cap allows, and more than one partition.
    for number in range(20):
        yield "events.operations", 0, an_operation(number, END_MS + number, operation=f"crowd-{number}")
    for partition in range(2):
        yield "events.operations", partition, an_operation(partition, END_MS + 30_000)
    yield "events.operations", 0, an_operation(1, BEGIN_MS + 500, event_id="late")
    yield "events.operations", 1, [an_operation(n, BEGIN_MS + 70_000, event_id=f"late{n}") for n in (2, 3)]


async def publish(kafka: str, records: Iterator[tuple[str, int, Any]]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all")
    await producer.start()
    try:
        for topic, partition, value in records:
            await producer.send_and_wait(topic, json.dumps(value).encode(), partition=partition)
    finally:
        await producer.stop()


class Told:
    """A pipeline with a history that is settled."""

    def __init__(self, cli: Cli, where: dict[str, Any]) -> None:
        self.cli = cli
        self.where = where

    def verified(self, *arguments: str) -> dict[str, Any]:
        """What `pipeline verify --json` says of the hour."""
        done = self.cli.run("verify", *self.span, "--json", "--shown", "1000", *arguments, seconds=300)
        assert done.returncode in (0, 1), done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        assert (done.returncode == 1) == bool(found["differing"]), done.stdout
        return found

    @property
    def span(self) -> tuple[str, ...]:
        return "--from", SPAN[0], "--to", time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(BEGIN_MS / 1000 + 3600))

    def wait_until_settled(self, rows: int, seconds: float = 180) -> None:
        deadline = time.monotonic() + seconds
        while True:
            found = self.verified()
            if found["compared"].get("raw rows", 0) >= rows and not {"rows", "slots"} & found["left_out"].keys():
                return
            assert time.monotonic() < deadline, found
            time.sleep(2)


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    cli = Cli(tmp_path_factory.mktemp("told"), {**free_ports(), **SETTINGS})
    up = Up(cli)
    try:
        records = list(some_of_everything())
        asyncio.run(publish(up.where["kafka"], iter(records)))
        one = Told(cli, up.where)
        one.wait_until_settled(1)
        yield one
    finally:
        up.stop()
