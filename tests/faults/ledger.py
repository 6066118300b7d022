"""What the pipeline says it has counted, read from its topics, to be compared with the account of the traffic."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from pipeline.core import records
from pipeline.core.block import COLUMN, Block, unpack
from pipeline.core.closed_pane import decode_closed
from pipeline.core.records import Marks, Snapshot
from pipeline.evaluator.keys import closed_key_of
from tests.faults.traffic import Account


async def read_all(bootstrap: str, topic: str, isolation: str = "read_uncommitted") -> list[Any]:
    """Every record of a topic from its beginning to its present end, by partition in order."""
    return [record async for record in _records(bootstrap, topic, isolation)]


async def _records(bootstrap: str, topic: str, isolation: str = "read_uncommitted") -> AsyncIterator[Any]:
    # Not with `seek_to_beginning`: the answer about the default, the latest offset, may come after it and win.
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level=isolation,
    )
    await consumer.start()
    try:
        parts = [TopicPartition(topic, n) for n in await consumer._client._wait_on_metadata(topic)]
        assert parts, f"{topic} has no partitions"
        consumer.assign(parts)
        ends = await consumer.end_offsets(parts)
        while any([await consumer.position(part) < ends[part] for part in parts]):
            for found in (await consumer.getmany(timeout_ms=200)).values():
                for record in found:
                    yield record
    finally:
        await consumer.stop()


def add_block(account: Account, pane_start_ms: int, block: Block) -> None:
    for row, series in enumerate(block.series):
        if series.operation:
            key = (pane_start_ms, series.service, series.operation)
            account.events[key] += int(block.scalars[row, COLUMN["events"]])
            if failures := int(block.scalars[row, COLUMN["failures"]]):
                account.failures[key] += failures
            account.latency_us[key] += int(block.scalars[row, COLUMN["latency_sum_us"]])


async def panes_account(bootstrap: str, topic: str) -> tuple[Account, list[str]]:
    """The newest snapshot of every slot, summed; and complaints about versions with two contents."""
    newest: dict[tuple[Any, ...], Snapshot] = {}
    complaints = []
    for record in await read_all(bootstrap, topic):
        found = records.decode(record.value)
        if isinstance(found, Marks):
            continue
        key = (found.epoch, found.source, found.pane_start_ms, found.shard, found.part)
        known = newest.get(key)
        if known is not None and known.version == found.version and known.block != found.block:
            complaints.append(f"{key} version {found.version}: two contents")
        if known is None or found.version >= known.version:
            newest[key] = found
    account = Account()
    for snapshot in newest.values():
        add_block(account, snapshot.pane_start_ms, unpack(snapshot.block))
    return account, complaints


async def closed_account(bootstrap: str, topic: str) -> Account:
    """The closed panes that the evaluator has in its table, summed: what its windows are made of."""
    newest: dict[bytes, bytes | None] = {}
    for record in await read_all(bootstrap, topic):
        assert newest.get(record.key) in (None, record.value), f"{record.key!r} was closed twice, with two contents"
        newest[record.key] = record.value
    account = Account()
    for key, value in newest.items():
        if value is not None:
            add_block(account, closed_key_of(key).pane_start_ms, decode_closed(value).block)
    return account


async def window_calls(bootstrap: str, topic: str, window: str) -> tuple[int, Counter[tuple[str, str]]]:
    """The newest step on time, and the calls in a window of every operation then."""
    steps: dict[int, Counter[tuple[str, str]]] = defaultdict(Counter)
    for record in await read_all(bootstrap, topic):
        found = json.loads(record.value)
        if found["operation"]:
            steps[found["step_end_ms"]][found["service"], found["operation"]] = found["windows"][window]["calls"]
    newest = max(steps, default=0)
    return newest, steps[newest]


async def wait_until_counted(bootstrap: str, topic: str, events: int, seconds: float) -> dict[str, records.Mark]:
    """Wait until the marks on `panes` say that so many operations were counted or late; return the marks."""
    deadline = time.monotonic() + seconds
    marks: dict[str, records.Mark] = {}
    while True:
        for record in await read_all(bootstrap, topic):
            found = records.decode(record.value)
            if isinstance(found, Marks):
                marks |= {mark.source: mark for mark in found.marks}
        done = sum(mark.operations + mark.late for mark in marks.values())
        if done >= events:
            return marks
        assert time.monotonic() < deadline, f"only {done} of {events} events were counted in {seconds} s"
        await asyncio.sleep(1)
