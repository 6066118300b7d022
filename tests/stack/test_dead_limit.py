"""A partition full of bad events stops the aggregator, again and again, until somebody lets them pass."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from pipeline.dead.reading import dead_reader, survey
from pipeline.dead.wanted import Wanted
from pipeline.settings import Settings
from pipeline.topic_admin import ensure_topics
from pipeline.topics import topics_of
from pipeline.up.worker import EXIT_BLOCKED
from tests.faults.process import WorkerProcess

LIMIT = 300
FLOOD = 2_000
PARTITION = 2

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]


async def publish(settings: Settings, values: list[bytes]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka) as out:
        for value in values:
            await out.send(topics_of(settings).operations, value, partition=PARTITION)
        await out.flush()


async def letters(settings: Settings) -> list[int]:
    """The offsets of the dead letters that are there, each once."""
    async with dead_reader(settings) as consumer:
        return [one.id.offset for one in await survey(settings, consumer, Wanted())]


def good() -> bytes:
    event = {"type": "operation", "event_id": "e", "timestamp_ms": time.time_ns() // 1_000_000, "service": "s"}
    return json.dumps({**event, "operation": "pay", "duration_ms": 1, "success": True}).encode()


def run_until_it_stops(settings: Settings) -> subprocess.CompletedProcess[str]:
    environment: dict[str, Any] = {
        **os.environ,
        "PIPELINE_HOME": str(settings.home),
        "PIPELINE_KAFKA": settings.kafka,
        "PIPELINE_NAMESPACE": settings.namespace,
        "PIPELINE_PARTITIONS": str(settings.partitions),
    }
    command = [sys.executable, "-m", "pipeline.cli.main", "aggregator", "--supervised"]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr is not None
        return subprocess.CompletedProcess(command, child.wait(120), None, child.stderr.read())


async def test_a_flood_stops_the_aggregator_before_it_is_committed_until_it_is_let_pass(
    stack_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ensure_topics(stack_settings)
    monkeypatch.setenv("PIPELINE_DEAD_CONSECUTIVE", str(LIMIT))
    await publish(stack_settings, [good(), *[b"no JSON"] * 100, good(), *[b"no JSON"] * FLOOD])
    first = await asyncio.to_thread(run_until_it_stops, stack_settings)
    assert first.returncode == EXIT_BLOCKED
    where = f"{topics_of(stack_settings).operations}-{PARTITION}"
    expected = (
        f"{where}: the last {LIMIT} events in a row were refused, offsets 102 to {101 + LIMIT}, most often as not_json"
    )
    assert expected in first.stderr
    told = await letters(stack_settings)
    assert max(told, default=0) < 102 + LIMIT
    again = await asyncio.to_thread(run_until_it_stops, stack_settings)
    assert (again.returncode, expected in again.stderr) == (EXIT_BLOCKED, True)
    assert await letters(stack_settings) == told
    monkeypatch.setenv("PIPELINE_DEAD_CONSECUTIVE", "0")
    monkeypatch.setenv("PIPELINE_DEAD_RATIO", "0")
    with WorkerProcess("aggregator", stack_settings):
        deadline = time.monotonic() + 90
        while len(told := await letters(stack_settings)) < 100 + FLOOD:
            assert time.monotonic() < deadline, len(told)
            await asyncio.sleep(0.5)
    assert told == [*range(1, 101), *range(102, 102 + FLOOD)]
