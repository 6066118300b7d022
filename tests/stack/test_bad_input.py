"""Bad input: each goes to the dead letters with a reason that people understand, its neighbours count, nobody dies."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from tests.stack.up_fixture import Cli

SERVICE = "bad-input"
YEAR_2100_MS = 4_102_444_800_000

pytestmark = [pytest.mark.stack]


def event(**fields: Any) -> dict[str, Any]:
    good = {
        "type": "operation",
        "event_id": "e",
        "timestamp_ms": time.time_ns() // 1_000_000,
        "service": SERVICE,
        "operation": "pay",
        "duration_ms": 12.5,
        "success": True,
    }
    return {**good, **fields}


def without(field: str) -> dict[str, Any]:
    return {name: value for name, value in event().items() if name != field}


def text(body: Any) -> bytes:
    return json.dumps(body).encode()


BAD: dict[str, tuple[bytes | None, str, str]] = {
    "not JSON": (b"hello", "not_json", "JSON"),
    "half of it": (text(event())[:40], "not_json", "JSON"),
    "wrong type": (text(event(duration_ms="12")), "wrong_type", "duration_ms"),
    "negative": (text(event(duration_ms=-1)), "invalid_value", "duration_ms"),
    "infinite": (text(event(duration_ms=float("inf"))), "", "duration_ms"),
    "missing field": (text(without("success")), "missing_field", "success"),
    "empty service": (text(event(service="")), "invalid_value", "service"),
    "too large": (text(event(metadata={"blob": "x" * 5_000_000})), "too_large", "record"),
    "year 2100": (text(event(timestamp_ms=YEAR_2100_MS)), "future_timestamp", "2100"),
    "seconds": (text(event(timestamp_ms=1_763_791_200)), "invalid_value", "seconds"),
    "invalid UTF-8": (b'{"type":"operation","service":"\xff"}', "not_utf8", "UTF-8"),
    "null value": (None, "null_value", "value"),
    "wrong topic": (text({"type": "error"}), "wrong_topic", "events.errors"),
    "a number": (b"42", "wrong_type", "object"),
}


async def publish(bootstrap: str, values: list[bytes | None]) -> list[int]:
    """Send records one after the other to one partition; return their offsets."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, max_request_size=8 * 1024 * 1024)
    await producer.start()
    try:
        return [
            (await producer.send_and_wait("events.operations", value, key=b"k", partition=3)).offset for value in values
        ]
    finally:
        await producer.stop()


def dead_letters(cli: Cli, offsets: list[int], seconds: float = 60) -> dict[int, dict[str, Any]]:
    """The dead letters of some records, once all are in ClickHouse."""
    deadline = time.monotonic() + seconds
    wanted = ",".join(map(str, offsets))
    query = (
        "SELECT offset, idx, reason, detail, hex(substring(value, 1, 1000)) AS begin, value_bytes FROM dead_letters "
        f"WHERE topic = 'events.operations' AND partition = 3 AND offset IN ({wanted})"
    )
    while True:
        rows = cli.json("sql", query)
        if len({row["offset"] for row in rows}) == len(offsets):
            return {row["offset"]: row for row in rows}
        assert time.monotonic() < deadline, f"{len(rows)} of {len(offsets)} dead letters landed"
        time.sleep(1)


def kafka_of(cli: Cli) -> str:
    return str(json.loads((cli.home / "run" / "up.json").read_text())["kafka"])


def landed(cli: Cli, service: str, table: str) -> int:
    column = "count()" if table == "operations" else "sum(events)"
    level = "" if table == "operations" else "AND operation != ''"
    rows = cli.json("sql", f"SELECT {column} AS n FROM {table} WHERE service = '{service}' {level}")
    return int(rows[0]["n"] or 0)


async def test_each_kind_of_bad_record_is_a_dead_letter_that_says_why(cli: Cli) -> None:
    good = text(event())
    values = [value for bad, _, _ in BAD.values() for value in (good, bad)] + [good]
    offsets = await publish(kafka_of(cli), values)
    found = await asyncio.to_thread(dead_letters, cli, offsets[1::2])
    for offset, (name, (bad, reason, says)) in zip(offsets[1::2], BAD.items(), strict=True):
        letter = found[offset]
        assert letter["reason"] == reason or not reason, (name, letter)
        assert says in letter["detail"], (name, letter)
        assert bytes.fromhex(letter["begin"]) == (bad or b"")[:1000], name
        assert letter["value_bytes"] == len(bad or b"")
    deadline = time.monotonic() + 60
    while (landed(cli, SERVICE, "operations"), landed(cli, SERVICE, "slots")) != (len(BAD) + 1, len(BAD) + 1):
        assert time.monotonic() < deadline, "the good neighbours of bad records do not all count"
        await asyncio.sleep(1)


async def test_one_bad_element_of_an_array_costs_that_element_alone(cli: Cli) -> None:
    service = "bad-element"
    array = [event(service=service), event(service=service, duration_ms=None), event(service=service)]
    (offset,) = await publish(kafka_of(cli), [text(array)])
    letter = (await asyncio.to_thread(dead_letters, cli, [offset]))[offset]
    assert (letter["idx"], letter["reason"]) == (1, "wrong_type")
    assert bytes.fromhex(letter["begin"]) == text(array[1])
    deadline = time.monotonic() + 60
    while (landed(cli, service, "operations"), landed(cli, service, "slots")) != (2, 2):
        assert time.monotonic() < deadline, "the good elements do not all count"
        await asyncio.sleep(1)
