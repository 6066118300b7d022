"""Running landers for tests: in this process, or as a process of its own that can be killed."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from pipeline.core import records as panes_records
from pipeline.core.records import PanesRecord, Snapshot
from pipeline.core.snapshot_key import snapshot_key
from pipeline.lander.kafka_clients import group_of
from pipeline.lander.service import run_lander
from pipeline.settings import Settings
from pipeline.topics import topics_of
from tests.contracts.history_fixture import History

CHILD = """
import asyncio, sys
from pipeline.lander.kafka_clients import group_of
from pipeline.lander.service import run_lander
from pipeline.settings import Settings
asyncio.run(run_lander(Settings.model_validate_json(sys.argv[1]), asyncio.Event()))
"""


@asynccontextmanager
async def lander(settings: Settings) -> AsyncIterator[asyncio.Task[None]]:
    """Run a lander in this process until the block ends, then stop it in order; its errors come out here."""
    stop = asyncio.Event()
    task = asyncio.create_task(run_lander(settings, stop))
    try:
        yield task
    finally:
        stop.set()
        await task


def start_lander(settings: Settings) -> subprocess.Popen[bytes]:
    """Start a lander as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, settings.model_dump_json()], env=os.environ | {"PYTHONPATH": "."}
    )


async def until(
    look: Callable[[], object], expected: object, *, seconds: float = 90, task: asyncio.Task[None] | None = None
) -> None:
    """Look, in a thread, until what is seen is as expected (or as the predicate `expected` wants it).

    An error of the lander ends the waiting; when time is up, the failure shows what was seen last.
    """
    deadline = time.monotonic() + seconds
    while not _fits(seen := await asyncio.to_thread(look), expected):
        if task is not None and task.done():
            task.result()
        assert task is None or not task.done(), "the lander left"
        assert time.monotonic() < deadline, f"saw {seen!r}, expected {expected!r}"
        await asyncio.sleep(0.1)


async def until_async(look: Callable[[], Awaitable[object]], expected: object, *, seconds: float = 60) -> None:
    """Look until what is seen is as expected."""
    deadline = time.monotonic() + seconds
    while not _fits(seen := await look(), expected):
        assert time.monotonic() < deadline, f"saw {seen!r}, expected {expected!r}"
        await asyncio.sleep(0.1)


def _fits(seen: object, expected: object) -> bool:
    return bool(expected(seen)) if callable(expected) else seen == expected


async def publish(settings: Settings, topic: str, values: Iterable[Any], partitions: int | None = None) -> int:
    """Publish values (bytes, or JSON of anything else) round robin over the partitions; return how many."""
    count = 0
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka, linger_ms=5, max_request_size=8 * 1024 * 1024) as out:
        for count, value in enumerate(values, 1):
            encoded = value if isinstance(value, bytes) else json.dumps(value).encode()
            await out.send(topic, encoded, partition=count % (partitions or settings.partitions))
        await out.flush()
    return count


async def publish_panes(settings: Settings, contents: Iterable[PanesRecord], partition: int = 0) -> None:
    """Publish to one partition of `panes` as aggregators do: snapshots with keys, marks without."""
    panes = topics_of(settings).panes
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka, linger_ms=5) as out:
        for content in contents:
            key = snapshot_key(content) if isinstance(content, Snapshot) else None
            await out.send(panes, panes_records.encode(content), key=key, partition=partition)
        await out.flush()


def count(history: History, view: str) -> int:
    """Return the rows of a view."""
    return int(history.one(f"SELECT count() FROM {{db}}.{view}"))


async def committed(settings: Settings, topic: str) -> list[int]:
    """Return the committed offset of every partition of a topic, 0 where there is none."""
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka, group_id=group_of(settings), enable_auto_commit=False)
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, number) for number in range(settings.partitions)]
        return [await consumer.committed(partition) or 0 for partition in partitions]
    finally:
        await consumer.stop()
