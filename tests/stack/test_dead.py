"""`pipeline dead`: what could not be used is found, explained, sent again once, or dropped."""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid
from collections import Counter
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from pipeline.dead.replaying import AT_ONCE
from pipeline.decode.replay import ATTEMPT, REPLAY_OF
from tests.stack.up_fixture import Cli

PARTITION = 5
HOUR_MS = 3_600_000
MEND = f"""{sys.executable} -c 'import sys; sys.stdout.write(sys.stdin.read().replace("duration", "duration_ms"))'"""

pytestmark = pytest.mark.stack


@pytest.fixture
def service() -> str:
    return f"d{uuid.uuid4().hex[:10]}"


def kafka_of(cli: Cli) -> str:
    return str(json.loads((cli.home / "run" / "up.json").read_text())["kafka"])


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def broken(service: str, **fields: Any) -> dict[str, Any]:
    """An operation whose duration stands under a wrong name."""
    event = {"type": "operation", "event_id": "e", "timestamp_ms": now_ms(), "service": service, "operation": "pay"}
    return {**event, "duration": 12.5, "success": True, **fields}


def critical(service: str, age_ms: int, **fields: Any) -> dict[str, Any]:
    event = {
        "type": "error",
        "event_id": "e",
        "timestamp_ms": now_ms() - age_ms,
        "service": service,
        "operation": "pay",
    }
    return {**event, "severity": "critical", "error_type": "Broken", **fields}


async def send(cli: Cli, topic: str, bodies: list[Any], headers: list[tuple[str, bytes]] | None = None) -> list[int]:
    async with AIOKafkaProducer(bootstrap_servers=kafka_of(cli), max_request_size=8_000_000) as out:
        sent = [
            await out.send(
                topic,
                body if isinstance(body, bytes) else json.dumps(body).encode(),
                key=b"k",
                partition=PARTITION,
                headers=headers or [],
            )
            for body in bodies
        ]
        return [(await one).offset for one in sent]


async def read(cli: Cli, topic: str, first: int) -> list[Any]:
    """What a reader of committed records finds from an offset on."""
    place = TopicPartition(topic, PARTITION)
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka_of(cli), isolation_level="read_committed")
    await consumer.start()
    try:
        consumer.assign([place])
        end = (await consumer.end_offsets([place]))[place]
        consumer.seek(place, first)
        found = []
        while await consumer.position(place) < end:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += records
        return found
    finally:
        await consumer.stop()


def listed(cli: Cli, service: str, letters: int, *more: str, seconds: float = 60) -> list[dict[str, Any]]:
    """The dead letters of a service, once there are so many."""
    deadline = time.monotonic() + seconds
    while True:
        found: list[dict[str, Any]] = cli.json("dead", "list", "--contains", service, "--limit", "0", *more)["letters"]
        if len(found) == letters:
            return found
        assert time.monotonic() < deadline, f"{len(found)} of {letters} dead letters: {found[:3]}"
        time.sleep(0.5)


def rows(cli: Cli, query: str, expected: list[dict[str, Any]], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while (found := cli.json("sql", query)) != expected:
        assert time.monotonic() < deadline, found
        time.sleep(1)


async def test_dead_letters_are_listed_by_filter_and_shown_whole(cli: Cli, service: str) -> None:
    body = [broken(service, duration_ms=1), broken(service), broken(service, duration_ms=1)]
    (array,) = await send(cli, "events.operations", [body], [("sdk", b"7")])
    (text,) = await send(cli, "events.operations", [f'{{"service": "{service}", not JSON'.encode()])
    first, second = listed(cli, service, 2)
    assert first["id"] == f"events.operations/{PARTITION}/{array}/1"
    assert second["id"] == f"events.operations/{PARTITION}/{text}"
    assert (first["reason"], second["reason"]) == ("missing_field", "not_json")
    assert first["service"] == second["service"] == service
    assert (first["state"], first["attempt"]) == ("waiting", 1)
    assert [one["id"] for one in listed(cli, service, 1, "--reason", "not_json", "--service", service)] == [
        second["id"]
    ]
    assert listed(cli, service, 0, "--until", "1h") == []
    assert listed(cli, service, 0, "--topic", "events.errors") == []
    shown = cli.run("dead", "show", first["id"])
    for expected in (
        "missing_field",
        "duration_ms is missing",
        "sdk: 7",
        "element 1 of its array",
        "--through",
        "12.5",
    ):
        assert expected in shown.stdout
    assert json.loads(cli.run("dead", "show", first["id"], "--bytes").stdout) == body[1]
    told = cli.run("dead", "list", "--contains", service)
    assert told.returncode == 0
    assert "not_json" in told.stdout


async def test_a_replay_that_is_mended_counts_and_is_not_done_twice(cli: Cli, service: str) -> None:
    offsets = await send(cli, "events.operations", [broken(service)] * 3, [("pipeline-ledger", b"p/b/7")])
    letters = listed(cli, service, 3)
    rehearsed = cli.json("dead", "replay", "--service", service, "--dry-run", "--through", MEND)
    assert (rehearsed["sent"], rehearsed["refused_again"]) == (3, {})
    assert len(listed(cli, service, 3)) == 3
    assert cli.json("dead", "replay", letters[0]["id"], "--through", MEND)["sent"] == 1
    assert cli.json("dead", "replay", "--service", service, "--through", MEND)["sent"] == 2
    assert listed(cli, service, 0) == []
    rows(cli, f"SELECT count() AS n FROM operations WHERE service = '{service}'", [{"n": 3}])
    # On a slow machine some are sent again when their pane has closed: then they are late.
    counted = f"SELECT sum(calls) FROM slots WHERE service = '{service}' AND operation = 'pay'"
    landed = f"SELECT partition, offset FROM operations WHERE service = '{service}'"
    late = f"SELECT count() FROM late_events WHERE topic = 'events.operations' AND (partition, offset) IN ({landed})"
    rows(cli, f"SELECT ({counted}) + ({late}) AS n", [{"n": 3}])
    again = cli.run("dead", "replay", letters[0]["id"], "--through", MEND)
    assert again.returncode == 1
    assert "was replayed before" in again.stderr
    sent = [
        record for record in await read(cli, "events.operations", offsets[0]) if dict(record.headers).get(REPLAY_OF)
    ]
    mine = [record for record in sent if service.encode() in record.value]
    assert [dict(record.headers)[REPLAY_OF].decode() for record in mine] == [one["id"] for one in letters]
    for record in mine:
        assert (dict(record.headers)[ATTEMPT], record.key) == (b"2", b"k")
        assert dict(record.headers)["pipeline-ledger"] == b"p/b/7"
    state = f"SELECT state, count() AS n FROM dead_letters WHERE position(value, '{service}') > 0 GROUP BY state"
    rows(cli, state, [{"state": "replayed", "n": 3}])


async def test_a_second_failure_is_a_dead_letter_of_its_own_with_its_count(cli: Cli, service: str) -> None:
    await send(cli, "events.operations", [broken(service)])
    (first,) = listed(cli, service, 1)
    told = cli.json("dead", "replay", first["id"])
    assert list(told["refused_again"]) == [first["id"]]
    (second,) = listed(cli, service, 1)
    assert second["attempt"] == 2
    assert second["id"] != first["id"]
    assert f"header   {REPLAY_OF}: {first['id']}" in cli.run("dead", "show", second["id"]).stdout
    cli.json("dead", "replay", second["id"])
    (third,) = listed(cli, service, 1)
    assert third["attempt"] == 3
    assert cli.json("dead", "drop", "--service", service) == {"dropped": 1, "dry_run": False}
    assert [one["state"] for one in listed(cli, service, 3, "--all")] == ["replayed", "replayed", "dropped"]
    assert listed(cli, service, 0) == []
    query = f"SELECT attempt, state FROM dead_letters WHERE position(value, '{service}') > 0 ORDER BY attempt"
    states = ["replayed", "replayed", "dropped"]
    rows(cli, query, [{"attempt": n, "state": state} for n, state in enumerate(states, 1)])


async def test_a_letter_that_was_cut_is_sent_again_whole(cli: Cli, service: str) -> None:
    body = json.dumps(broken(service, metadata={"blob": "x" * 1_500_000})).encode()
    await send(cli, "events.operations", [body])
    (letter,) = listed(cli, service, 1)
    assert letter["value_bytes"] == len(body)
    assert cli.json("dead", "replay", letter["id"])["sent"] == 1
    (second,) = listed(cli, service, 1)
    assert (second["value_bytes"], second["attempt"]) == (len(body), 2)
    cli.json("dead", "drop", second["id"])


async def test_nothing_is_decided_about_letters_that_nobody_named(cli: Cli) -> None:
    for verb in ("replay", "drop"):
        done = cli.run("dead", verb)
        assert (done.returncode, "--all" in done.stderr) == (1, True)
    done = cli.run("dead", "replay", "events.operations/0/999999999")
    assert "There is no dead letter" in done.stderr
    assert "names no dead letter" in cli.run("dead", "show", "nonsense").stderr


async def test_a_replay_of_the_past_raises_no_alert_and_its_rows_are_there(cli: Cli, service: str) -> None:
    fresh = f"{service}x"
    await send(cli, "events.errors", [critical(service, HOUR_MS)] * 3)  # no message
    listed(cli, service, 3)
    mend = (
        f"""{sys.executable} -c 'import sys; sys.stdout.write(sys.stdin.read()[:-1] + ", \\"message\\": \\"m\\"}}")'"""
    )
    assert cli.json("dead", "replay", "--service", service, "--through", mend)["sent"] == 3
    rows(cli, f"SELECT count() AS n FROM errors WHERE service = '{service}'", [{"n": 3}])
    rows(
        cli,
        f"SELECT count() AS n FROM late_events WHERE partition = {PARTITION} AND topic = 'events.errors'",
        [{"n": 3}],
    )
    await send(cli, "events.errors", [critical(fresh, 0, message="m")])
    deadline = time.monotonic() + 60
    while not (alerts := [one for one in cli.json("alerts", "--all") if one["service"].startswith(service)]):
        assert time.monotonic() < deadline, "the fresh critical error raises no alert"
        await asyncio.sleep(0.5)
    await asyncio.sleep(3)  # as long as an alert of the past would have had, and more
    alerts = [one for one in cli.json("alerts", "--all") if one["service"].startswith(service)]
    assert {one["service"] for one in alerts} == {fresh}


async def test_a_replay_that_is_killed_and_run_again_sends_each_exactly_once(cli: Cli, service: str) -> None:
    many = 6 * AT_ONCE
    offsets = await send(cli, "events.operations", [broken(service)] * many)
    listed(cli, service, many)
    for _ in range(3):
        child = cli.start("dead", "replay", "--service", service, "--yes")
        deadline = time.monotonic() + 60
        before = len(await read(cli, "events.operations", offsets[-1] + 1))
        while child.poll() is None and len(await read(cli, "events.operations", offsets[-1] + 1)) == before:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        child.kill()
        child.wait()
    assert cli.run("dead", "replay", "--contains", service, "--limit", "0", "--yes").returncode == 0
    sent = Counter(
        dict(record.headers)[REPLAY_OF]
        for record in await read(cli, "events.operations", offsets[-1] + 1)
        if record.value and service.encode() in record.value and dict(record.headers).get(ATTEMPT) == b"2"
    )
    assert (len(sent), set(sent.values())) == (many, {1})
