"""Alerts as they come, with the time at which the broker appended them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from bench.events import PARTITIONS

Fired = dict[tuple[str, str], float]
"""When the first alert of a (rule, operation) was appended, in ms."""


@asynccontextmanager
async def fired_alerts(bootstrap: str, topic: str) -> AsyncIterator[Fired]:
    """Give a growing record of the alerts that are firing, from now on."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    fired: Fired = {}
    try:
        parts = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        consumer.assign(parts)
        reading = asyncio.create_task(_read(consumer, fired))
        try:
            yield fired
        finally:
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reading
    finally:
        await consumer.stop()


async def _read(consumer: Any, fired: Fired) -> None:
    async for record in consumer:
        alert = json.loads(record.value)
        if alert["state"] == "firing":
            fired.setdefault((alert["rule"], alert["operation"]), record.timestamp)
