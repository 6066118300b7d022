"""`pipeline ledger` beside a pipeline that runs: real producers that number their events, and a lander that is killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiokafka import AIOKafkaProducer

from pipeline.decode.ledger_header import HEADER
from tests.stack.test_cli_look import eventually
from tests.stack.test_cli_publish import lines, operation
from tests.stack.up_fixture import Cli, Up

pytestmark = pytest.mark.stack

RECORDS = 6_000
EXAMPLE = Path(__file__).parents[2] / "examples" / "producer.py"
LATE_BY_MS = 300_000


@pytest.fixture
def producer() -> str:
    """A producer id that nobody else has."""
    return f"p{uuid.uuid4().hex[:10]}"


class Numbered:
    """A producer that loses, repeats and spoils some of its events on purpose, and keeps an account of it."""

    def __init__(self, producer: str, boot: str) -> None:
        self.expected: Counter[str] = Counter()
        self._who = f"{producer}/{boot}"
        self._service = producer
        self._next = 0

    def record(self, number: int) -> tuple[str, bytes, list[tuple[str, bytes]]] | None:
        """Return the next record, or None for one that is lost before it reaches Kafka."""
        events = 1 + number // 10 % 5 if number % 10 == 0 else 1
        first, self._next = self._next, self._next + events
        self.expected["produced"] += events
        if number % 97 == 5:
            self.expected["lost"] += events
            return None
        late = number > RECORDS // 10 and number % 41 == 7
        kind = "error" if number % 7 == 3 else "operation"
        values = [self._event(first + place, kind, late=late) for place in range(events)]
        dead = 0
        if number % 53 == 1:  # one of an array, or a record that is a single event
            values[-1]["service"], dead = "", 1
        body = json.dumps(values if events > 1 else values[0]).encode()
        if number % 211 == 0:
            body, dead = body[:-9], events
        self.expected["dead"] += dead
        self.expected["late" if late else "counted"] += events - dead
        return f"events.{kind}s", body, [(HEADER, f"{self._who}/{first}/{events}".encode())]

    def _event(self, number: int, kind: str, *, late: bool) -> dict[str, Any]:
        event = operation(self._service, number)
        event["timestamp_ms"] -= LATE_BY_MS if late else 0
        about = {"severity": "warning", "error_type": "Odd", "message": "it is odd"}
        return event if kind == "operation" else {**event, "type": "error", **about}

    @property
    def good(self) -> int:
        """Events so far that are in the raw tables."""
        return self.expected["counted"] + self.expected["late"]


async def publish(kafka: str, boots: list[Numbered], halfway: asyncio.Event) -> None:
    """Publish what the boots give, in turn, over all partitions of both topics."""
    async with AIOKafkaProducer(bootstrap_servers=kafka, acks="all", enable_idempotence=True, linger_ms=5) as out:
        for number in range(RECORDS):
            for boot in boots:
                before = boot.good
                record = boot.record(number)
                if record is None:
                    continue
                topic, body, headers = record
                for _ in range(2 if number % 301 == 2 else 1):
                    await out.send(topic, body, headers=headers, partition=number % 4)
                if number % 301 == 2:
                    boot.expected["repeated"] += boot.good - before
            if number == RECORDS // 2:
                await out.flush()
                halfway.set()
            if number % 200 == 0:
                await out.flush()


def lander_of(cli: Cli) -> int:
    """The lander's process id, as the file that other commands read has it."""
    return int(json.loads((cli.home / "run" / "up.json").read_text())["workers"]["lander"])


async def kill_lander(cli: Cli, halfway: asyncio.Event) -> None:
    """Kill the lander while events come in; `pipeline up` starts another one."""
    await halfway.wait()
    killed = psutil.Process(lander_of(cli))
    killed.send_signal(signal.SIGKILL)
    await asyncio.to_thread(killed.wait, 30)


def asked(cli: Cli, *arguments: str) -> tuple[dict[str, Any], int]:
    done = cli.run("ledger", "--json", "--settle", "0", *arguments)
    return json.loads(done.stdout), done.returncode


def test_it_is_exact_to_the_event_when_the_lander_is_killed_in_mid_stream(
    cli: Cli, session_up: Up, producer: str
) -> None:
    boots = {boot: Numbered(producer, boot) for boot in ("b1", "b2")}

    async def run() -> None:
        halfway = asyncio.Event()
        await asyncio.gather(
            publish(session_up.where["kafka"], list(boots.values()), halfway), kill_lander(cli, halfway)
        )

    asyncio.run(run())
    produced = sum(boot.expected["produced"] for boot in boots.values())

    def settled(found: tuple[dict[str, Any], int]) -> bool:
        return bool(found[0]["total"]["produced"] == produced and found[0]["total"]["in_flight"] == 0)

    found, code = eventually(lambda: asked(cli, "--producer", producer, "--by", "boot"), settled, seconds=180)
    assert code == 1
    numbers = ("produced", "counted", "late", "dead", "lost", "repeated")
    told = {line["boot_id"]: Counter({name: line[name] for name in numbers}) for line in found["lines"]}
    assert told == {boot: numbered.expected for boot, numbered in boots.items()}
    assert all(numbered.expected[name] > 20 for numbered in boots.values() for name in numbers)
    by_minute, _ = asked(cli, "--producer", producer)
    assert by_minute["total"] == found["total"]
    assert {line["minute_ms"] % 60_000 for line in by_minute["lines"]} == {0}


def test_what_is_published_is_numbered_and_a_whole_one_has_a_check_mark(cli: Cli, session_up: Up) -> None:
    service = f"s{uuid.uuid4().hex[:10]}"
    assert cli.run("publish", "-", stdin=lines(*(operation(service, number) for number in range(40)))).returncode == 0
    mine = f"SELECT any(producer_id) AS producer, any(boot_id) AS boot, count() AS n FROM operations WHERE service = '{service}'"
    (row,) = eventually(lambda: cli.json("sql", mine), lambda rows: rows[0]["n"] == 40)
    assert row["producer"] == f"publish@{socket.gethostname()}"

    def boot() -> list[dict[str, Any]]:
        found, _ = asked(cli, "--producer", row["producer"], "--by", "boot")
        return [line for line in found["lines"] if line["boot_id"] == row["boot"]]

    (line,) = eventually(boot, lambda found: bool(found) and found[0]["counted"] == 40)
    assert (line["first_sequence"], line["last_sequence"], line["lost"]) == (0, 39, 0)
    done = cli.run("ledger", "--producer", row["producer"], "--settle", "0")
    assert done.returncode == 0
    assert "✓" in done.stdout
    assert "0 lost" in done.stderr
    run = subprocess.run(
        [sys.executable, EXAMPLE],
        env=os.environ | {"PIPELINE_KAFKA": session_up.where["kafka"]},
        check=False,
        capture_output=True,
    )
    assert run.returncode == 0

    def shop() -> dict[str, Any]:
        return asked(cli, "--producer", f"shop@{socket.gethostname()}")[0]["total"]  # type: ignore[no-any-return]

    assert eventually(shop, lambda total: total["counted"] >= 50)["lost"] == 0


def test_a_producer_that_nobody_knows_is_told_how_to_number(cli: Cli) -> None:
    done = cli.run("ledger", "--producer", "nobody")
    assert done.returncode == 0
    assert done.stdout == ""
    assert "No producer has numbered its events: none of producer nobody since" in done.stderr
    assert 'headers = [("pipeline-ledger"' in done.stderr


def test_an_alert_says_how_complete_its_window_was(cli: Cli, session_up: Up, producer: str) -> None:
    async def fail() -> None:
        async with AIOKafkaProducer(bootstrap_servers=session_up.where["kafka"], acks="all") as out:
            for number in range(200):
                event = json.dumps(operation(producer, number, success=False)).encode()
                if number % 50 == 9:
                    continue
                ledger = (HEADER, f"{producer}/b1/{number}".encode())
                await out.send("events.operations", event, headers=[ledger], partition=number % 3)

    asyncio.run(fail())

    def mine() -> list[str]:
        query = f"SELECT DISTINCT alert_id FROM alerts WHERE service = '{producer}' AND rule = 'error-rate' AND state = 'firing'"
        return [row["alert_id"] for row in cli.json("sql", query)]

    alert_id = eventually(mine, bool)[0]
    found, code = eventually(
        lambda: asked(cli, "--alert", alert_id), lambda found: found[0]["total"]["counted"] == 196, seconds=120
    )
    assert (found["total"]["produced"], found["total"]["lost"], code) == (200, 4, 1)
    assert found["counted_ratio"] == pytest.approx(0.98)
    assert 0 <= found["alert"]["sources_ratio"] <= 1
    done = cli.run("ledger", "--alert", alert_id, "--settle", "0")
    assert done.returncode == 1
    assert "98.0 % of what producers of" in done.stderr
    assert "✗ 4 lost" in done.stdout
    missing = cli.run("ledger", "--alert", "nothing")
    assert missing.returncode == 1
    assert "The history has no alert 'nothing'" in missing.stderr


@pytest.fixture(autouse=True)
def _time_is_told(session_up: Up) -> Iterator[None]:
    """Fail at once, not after minutes, if the pipeline has gone."""
    assert session_up.process.poll() is None
    yield
    assert session_up.process.poll() is None, f"after {time.monotonic():.0f} s: {session_up.said()}"
