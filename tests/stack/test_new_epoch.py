"""A topic that was deleted and made again: workers refuse it, `pipeline new-epoch` goes on, and nothing clashes."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from pipeline.clickhouse_client import connect
from pipeline.epochs import claimed_epochs, known_epochs
from pipeline.errors import FatalError
from pipeline.settings import Settings
from pipeline.topic_admin import ensure_topics
from pipeline.topic_ids import topic_ids
from pipeline.topics import topics_of
from tests.faults.process import WorkerProcess

PARTITION = 2
BEFORE, MEANWHILE, AFTER = 30, 80, 7
ROLES = ("aggregator", "evaluator", "lander")

pytestmark = [pytest.mark.stack, pytest.mark.timeout(420)]


@pytest.fixture
async def settings(stack_settings: Settings, clickhouse: str) -> AsyncIterator[Settings]:
    database = stack_settings.namespace
    found = stack_settings.model_copy(update={"clickhouse": clickhouse, "database": database})
    await ensure_topics(found)
    yield found
    with closing(connect(Settings(clickhouse=clickhouse))) as client:
        client.command(f"DROP DATABASE IF EXISTS {database}")


def event(kind: str, number: int) -> bytes:
    common = {"type": kind, "event_id": f"e{number}", "timestamp_ms": time.time_ns() // 1_000_000, "service": "s"}
    more = {"duration_ms": 5, "success": True} if kind == "operation" else {"severity": "error", "error_type": "T"}
    return json.dumps({**common, "operation": "pay", "message": "m", **more}).encode()


async def publish(settings: Settings, kind: str, events: int) -> None:
    topics = topics_of(settings)
    topic = topics.operations if kind == "operation" else topics.errors
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka) as out:
        for number in range(events):
            await out.send(topic, event(kind, number), partition=PARTITION)
        await out.flush()


async def make_again(settings: Settings, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    await admin.start()
    try:
        before = (await topic_ids(settings.kafka or "", [topic]))[topic]
        await admin.delete_topics([topic])
        while topic in await admin.list_topics():  # noqa: ASYNC110 - Kafka says nothing by itself
            await asyncio.sleep(0.2)
        await ensure_topics(settings)
        assert (await topic_ids(settings.kafka or "", [topic]))[topic] != before
    finally:
        await admin.close()


def pipeline(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment: dict[str, Any] = {
        **os.environ,
        "PIPELINE_HOME": str(settings.home),
        "PIPELINE_KAFKA": settings.kafka,
        "PIPELINE_CLICKHOUSE": settings.clickhouse,
        "PIPELINE_DATABASE": settings.database,
        "PIPELINE_NAMESPACE": settings.namespace,
    }
    command = [sys.executable, "-m", "pipeline.cli.main", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=150, check=False)


async def until(settings: Settings, look: Callable[[Any], object], expected: object, seconds: float = 120) -> None:
    """Wait until ClickHouse holds what is expected; `look` gets a function that returns the rows of a query."""
    deadline = time.monotonic() + seconds
    with closing(connect(Settings(clickhouse=settings.clickhouse))) as client:

        def ask(sql: str) -> list[tuple[Any, ...]]:
            return [tuple(row) for row in client.query(sql.replace("{db}", settings.database)).result_rows]

        found: object = None
        while found != expected:
            assert time.monotonic() < deadline, f"found {found}, expected {expected}"
            await asyncio.sleep(0.5)
            try:
                found = await asyncio.to_thread(look, ask)
            except Exception as error:  # noqa: BLE001 - the tables are still to be made
                found = error


def by_epoch(ask: Callable[[str], list[tuple[Any, ...]]]) -> object:
    rows = dict(ask("SELECT epoch, count() FROM {db}.operations GROUP BY epoch"))
    counted = dict(ask("SELECT epoch, sum(calls) FROM {db}.slots WHERE operation = 'pay' AND calls > 0 GROUP BY epoch"))
    return rows, counted


def run_workers(stack: ExitStack, settings: Settings) -> None:
    for role in ROLES:
        stack.enter_context(WorkerProcess(role, settings))


def said(home: Path) -> str:
    return "".join(path.read_text(errors="replace") for path in home.glob("*.log"))


async def test_a_topic_that_was_made_again_goes_on_in_a_new_epoch(settings: Settings) -> None:
    topic = topics_of(settings).operations
    with ExitStack() as stack:
        run_workers(stack, settings)
        await publish(settings, "operation", BEFORE)
        await publish(settings, "error", 3)
        await until(settings, by_epoch, ({1: BEFORE}, {1: BEFORE}))
        refused = await asyncio.to_thread(pipeline, settings, "new-epoch", "--topic", topic)
        assert "Workers are still running" in refused.stderr, refused.stderr
        assert refused.returncode == 1
    await make_again(settings, topic)
    # More than there was: offsets alone do not show it any more.
    await publish(settings, "operation", MEANWHILE)
    for role in ("aggregator", "lander"):
        stopped = await asyncio.to_thread(pipeline, settings, role)
        assert stopped.returncode == 1
        assert "deleted and made again" in stopped.stderr
        assert "pipeline new-epoch" in stopped.stderr
    rehearsed = json.loads((await asyncio.to_thread(pipeline, settings, "new-epoch", "--dry-run", "--json")).stdout)
    assert rehearsed["raised"] == {topic: 2}
    done = await asyncio.to_thread(pipeline, settings, "new-epoch")
    assert done.returncode == 0, done.stderr
    assert f"{topic}: is in epoch 2" in done.stderr
    again = await asyncio.to_thread(pipeline, settings, "new-epoch")
    assert "nothing is to be done" in again.stderr
    with ExitStack() as stack:
        run_workers(stack, settings)
        await publish(settings, "operation", AFTER)
        fresh = MEANWHILE + AFTER
        await until(settings, by_epoch, ({1: BEFORE, 2: fresh}, {1: BEFORE, 2: fresh}))
        await publish(settings, "error", 2)
        await until(settings, lambda ask: ask("SELECT epoch, count() FROM {db}.errors GROUP BY epoch"), [(1, 5)])
        # Windows go on: they hold what came in the new epoch.
        stats = "SELECT max(calls) FROM {db}.window_stats WHERE operation = 'pay' AND window = '1h' AND calls > {n}"
        await until(settings, lambda ask: ask(stats.replace("{n}", str(BEFORE)))[0][0] >= fresh, expected=True)
    assert "Traceback" not in said(settings.home)


async def test_an_epoch_that_contradicts_what_is_written_down_is_refused(stack_settings: Settings) -> None:
    await ensure_topics(stack_settings)
    first = await claimed_epochs(stack_settings)
    assert first.epoch_of(topics_of(first).operations) == 1
    known = await known_epochs(stack_settings)
    assert known is not None
    assert sorted(known.topic_ids) == sorted(topics_of(stack_settings).events())
    with pytest.raises(FatalError, match="PIPELINE_EPOCH=3, but"):
        await claimed_epochs(stack_settings.model_copy(update={"epoch": 3}))
