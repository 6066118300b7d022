"""An evaluator that sleeps through the loss of its shard, at the worst moment: what it then writes is refused."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time
from collections import defaultdict

import pytest
from aiokafka import AIOKafkaProducer

from pipeline.settings import Settings
from pipeline.topic_admin import ensure_topics
from pipeline.topics import topics_of
from tests.faults.ledger import read_all
from tests.faults.process import WorkerProcess

AWAKE_SECONDS = 8

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(240)]


async def send(kafka: str, topic: str, failed: int, succeeded: int) -> None:
    """Calls of one operation, all to one partition."""
    async with AIOKafkaProducer(bootstrap_servers=kafka, acks="all", enable_idempotence=True) as producer:
        for number in range(failed + succeeded):
            event = {
                "type": "operation",
                "event_id": f"e{number}",
                "timestamp_ms": time.time_ns() // 1_000_000,
                "service": "checkout",
                "operation": "pay",
                "duration_ms": 5.0,
                "success": number >= failed,
            }
            await producer.send_and_wait(topic, json.dumps(event).encode(), partition=0)


async def complaints(kafka: str, topic: str) -> list[str]:
    """Transitions that were told to be two things, and series for which two alerts of a rule are going on at once."""
    contents: defaultdict[tuple[str, int], set[bytes]] = defaultdict(set)
    going_on: defaultdict[tuple[str, str, str], dict[str, bool]] = defaultdict(dict)
    for record in await read_all(kafka, topic):
        alert = json.loads(record.value)
        contents[alert["alert_id"], alert["sequence"]].add(record.value)
        series = (alert["rule"], alert["service"], alert["operation"])
        going_on[series][alert["alert_id"]] = alert["state"] in ("pending", "firing", "recovering")
    two_things = [f"{place}: {len(found)} contents" for place, found in contents.items() if len(found) > 1]
    return two_things + [f"{series}: {found}" for series, found in going_on.items() if sum(found.values()) > 1]


async def until_there_is_any(kafka: str, topic: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not await read_all(kafka, topic):
        assert time.monotonic() < deadline, f"nothing on {topic} in {seconds} s"
        await asyncio.sleep(0.5)


@pytest.mark.parametrize("fenced", [True, False], ids=["ours", "without names"])
async def test_what_a_process_writes_that_slept_between_its_check_and_the_socket_is_refused(
    stack_settings: Settings, monkeypatch: pytest.MonkeyPatch, *, fenced: bool
) -> None:
    if not fenced:
        monkeypatch.setenv("UNFENCED", "1")
    await ensure_topics(stack_settings)
    topics, kafka = topics_of(stack_settings), stack_settings.kafka or ""
    module = "tests.faults.asleep_at_the_socket"
    second = WorkerProcess("evaluator", stack_settings, "evaluator-2", module)
    with (
        WorkerProcess("aggregator", stack_settings, "aggregator-1"),
        WorkerProcess("evaluator", stack_settings, "evaluator-1", module) as first,
        contextlib.closing(second),
    ):
        await send(kafka, topics.operations, failed=0, succeeded=10)
        await until_there_is_any(kafka, topics.stats, 60)  # before the first step nothing is looked at early
        deadline = time.monotonic() + 60
        while not (stack_settings.home / "asleep").exists():
            assert time.monotonic() < deadline, "no alert was decided early in 60 s"
            await send(kafka, topics.operations, failed=10, succeeded=0)
            await asyncio.sleep(0.5)
        await send(kafka, topics.operations, failed=50, succeeded=40)
        told = len(await read_all(kafka, topics.alerts))
        second.start()
        deadline = time.monotonic() + 60
        while len(await read_all(kafka, topics.alerts)) == told:
            assert time.monotonic() < deadline, "the second evaluator says nothing"
            await asyncio.sleep(0.5)
        os.kill(first.pid, signal.SIGCONT)
        await asyncio.sleep(AWAKE_SECONDS)
    found = await complaints(kafka, topics.alerts)
    assert (found == []) == fenced
    assert ("was taken by another evaluator" in first.log.read_text()) == fenced
