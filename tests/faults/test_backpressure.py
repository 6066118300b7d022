"""ClickHouse is gone for a long time at full rate: no alert waits for it, memory stays bounded, and then all lands.

``MINUTES=10 RATE=20000 pytest tests/faults/test_backpressure.py -s`` for the whole of what is promised.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from pipeline.clickhouse_client import connect
from pipeline.embedded.clickhouse import EmbeddedClickHouse
from pipeline.embedded.ports import free_port
from pipeline.lander.kafka_clients import group_of
from pipeline.lander.loop import MEMORY_BYTES
from pipeline.lander.preparing import prepare_history
from pipeline.settings import Settings
from pipeline.topic_admin import ensure_topics
from pipeline.topics import topics_of
from tests.contracts.kafka_records import error
from tests.faults.history import RAW, SLOTS, history_account, wait_until_landed
from tests.faults.ledger import read_all, wait_until_counted
from tests.faults.process import WorkerProcess
from tests.faults.traffic import Account, publish
from tests.stack.lander_runs import publish as publish_values
from tests.stack.lander_runs import until

MINUTES = float(os.environ.get("MINUTES", "0.5"))
RATE = int(os.environ.get("RATE", "20000"))
ALERT_SECONDS = 20.0

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(600 + MINUTES * 300)]


@dataclass
class Memory:
    """The greatest resident memory of a process that was seen."""

    process: psutil.Process
    peak_bytes: int = 0
    peaks: dict[str, int] = field(default_factory=dict)

    async def watch(self) -> None:
        while True:
            self.peak_bytes = max(self.peak_bytes, self.process.memory_info().rss)
            await asyncio.sleep(0.2)

    def note(self, when: str) -> None:
        self.peaks[when], self.peak_bytes = self.peak_bytes // 10**6, 0


@asynccontextmanager
async def watched(worker: WorkerProcess) -> AsyncIterator[Memory]:
    memory = Memory(psutil.Process(worker.pid))
    watching = asyncio.create_task(memory.watch())
    yield memory
    watching.cancel()


async def members(settings: Settings) -> list[str]:
    """The ids of the lander's group; a member that was put out and comes back has another one."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    await admin.start()
    try:
        (answer,) = await admin.describe_consumer_groups([group_of(settings)])
        ((_, _, state, _, _, found, *_),) = answer.groups
    finally:
        await admin.close()
    assert state == "Stable"
    return [member[0] for member in found]


async def alert_seconds(settings: Settings) -> float:
    """Publish critical errors of a service that had none, and return how long until its alert fires."""
    topics, service = topics_of(settings), "storm"
    began_s = time.monotonic()
    now_ms = time.time_ns() // 1_000_000
    errors = (error(number, service=service, timestamp_ms=now_ms) for number in range(50))
    await publish_values(settings, topics.errors, errors)
    while not any(
        fires(json.loads(record.value), service) for record in await read_all(settings.kafka or "", topics.alerts)
    ):
        assert time.monotonic() - began_s < ALERT_SECONDS, "no alert, as long as ClickHouse is away"
    return time.monotonic() - began_s


def fires(alert: dict[str, Any], service: str) -> bool:
    return bool(alert["service"] == service and alert["state"] == "firing")


async def test_clickhouse_gone_at_full_rate_costs_no_alert_no_memory_and_no_row(
    stack_settings: Settings, tmp_path: Path
) -> None:
    seed = int(os.environ.get("SEED", random.randrange(10**6)))
    print(f"SEED={seed}")
    server = EmbeddedClickHouse(Settings(home=tmp_path / "server", clickhouse_port=free_port()))
    settings = stack_settings.model_copy(update={"clickhouse": server.address})
    with server:
        await ensure_topics(settings)
        await prepare_history(settings, asyncio.Event())
        with (
            WorkerProcess("aggregator", settings, "aggregator-1"),
            WorkerProcess("evaluator", settings, "evaluator-1"),
            WorkerProcess("lander", settings) as lander,
        ):
            await go_without_clickhouse(settings, server, lander, seed)


async def go_without_clickhouse(
    settings: Settings, server: EmbeddedClickHouse, lander: WorkerProcess, seed: int
) -> None:
    topics, kafka = topics_of(settings), settings.kafka or ""
    first = await publish(kafka, topics.operations, events=10_000, seconds=5, seed=seed)
    await wait_until_landed(settings, first.total, 120)
    members_before = await members(settings)
    async with watched(lander) as memory:
        server.kill()
        events, seconds = int(RATE * MINUTES * 60), MINUTES * 60
        publishing = asyncio.create_task(
            publish(kafka, topics.operations, events=events, seconds=seconds, seed=seed + 1)
        )
        await until(lambda: "lies in Kafka" in lander.log.read_text(), expected=True)
        await asyncio.sleep(seconds / 3)
        waited_s = await alert_seconds(settings)
        account = first + await publishing
        memory.note("away")
        assert await members(settings) == members_before
        await asyncio.to_thread(server.start)
        began_s = time.monotonic()
        await until(lambda: raw_rows(settings), lambda rows: rows >= account.total, seconds=120 + 4 * seconds)
        took_s = time.monotonic() - began_s
        await wait_until_landed(settings, account.total, 120 + 4 * seconds)
        memory.note("back")
    print(f"alert after {waited_s:.1f} s; peaks in MB {memory.peaks}; {events / took_s:,.0f} rows/s landed")
    assert max(memory.peaks.values()) * 10**6 < MEMORY_BYTES
    await agree(settings, account)


def raw_rows(settings: Settings) -> int:
    """Return the rows of operations, copies included: cheap enough to be asked again and again."""
    with connect(settings) as client:
        return int(client.command(f"SELECT count() FROM {settings.database}.operations_log"))


async def agree(settings: Settings, account: Account) -> None:
    marks = await wait_until_counted(settings.kafka or "", topics_of(settings).panes, account.total, 120)
    assert (sum(mark.operations for mark in marks.values()), sum(mark.late for mark in marks.values())) == (
        account.total,
        0,
    )
    assert history_account(settings, RAW) == account
    assert history_account(settings, SLOTS) == account
