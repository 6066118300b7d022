"""Reads whole changelogs at once: what tables are restored from.

Faust's own recovery makes four tasks for every record, goes on past a record that it could not apply, and ends without
a word when a step takes 30 s.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from faust.types import TP

log = logging.getLogger(__name__)

AGAIN_SECONDS = 1.0
FETCH_MAX_WAIT_MS = 50

Contents = dict[TP, dict[bytes, bytes]]


async def read_changelogs(app: Any, tps: Iterable[TP]) -> Contents:
    """Return the last value of every key in each changelog partition, as of now or a little later; deleted keys not.

    Everything that the broker had acknowledged before the call is in it: it returns when every partition was read to
    the end that it had then. Waits for a Kafka that is away; any other error is raised. `app` is a `PipelineApp`.
    """
    wanted = [TopicPartition(*tp) for tp in tps]
    while wanted:
        try:
            return await _read(app, wanted)
        except KafkaError as error:
            if not error.retriable:
                raise
            log.warning("Kafka does not let the tables be read: %s. Trying on.", error)
            await asyncio.sleep(AGAIN_SECONDS)
    return {}


async def _read(app: Any, parts: list[TopicPartition]) -> Contents:
    contents: Contents = {TP(*part): {} for part in parts}
    consumer = AIOKafkaConsumer(
        bootstrap_servers=app.bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=FETCH_MAX_WAIT_MS,
    )
    try:
        await consumer.start()
        consumer.assign(parts)
        ends = await consumer.end_offsets(parts)
        left = {part for part in parts if ends[part]}
        while left:
            for part, records in (await consumer.getmany(*left, timeout_ms=FETCH_MAX_WAIT_MS)).items():
                _apply(contents[TP(*part)], records)
                app.records_restored += len(records)
            left = {part for part in left if await consumer.position(part) < ends[part]}
    finally:
        # What aiokafka cancels of its own while it stops comes out of it as if this had been cancelled.
        await asyncio.gather(consumer.stop(), return_exceptions=True)
    return contents


def _apply(content: dict[bytes, bytes], records: Iterable[Any]) -> None:
    for record in records:
        if record.value is None:
            content.pop(record.key, None)
        else:
            content[record.key] = record.value
