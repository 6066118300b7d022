"""Publish events from Python with nothing but aiokafka: any Kafka client does it in the same three lines.

    PIPELINE_KAFKA=localhost:9092 python examples/producer.py

An event is a JSON object; the contract is in `schemas/`. Operations go to `events.operations`, errors to
`events.errors`. The key may be anything, and a JSON array of events in one record is as good as one event.

A header that numbers the events is optional. With it, `pipeline ledger` tells whether any was lost on the way.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import socket
import sys
import time
import uuid

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError

KAFKA = os.environ.get("PIPELINE_KAFKA", "localhost:9092")
PRODUCER_ID = f"shop@{socket.gethostname()}"  # the same after a restart
BOOT_ID = uuid.uuid4().hex  # another one after each restart
CALLS = 50
FAILING_RATIO = 0.1
sequence = itertools.count()  # 0, 1, 2, … over all topics: every event has a number, and none is given twice


def event(kind: str, **fields: object) -> bytes:
    """Return an event with what every event must have: its type, an id, the time in milliseconds, the service."""
    common = {
        "type": kind,
        "event_id": uuid.uuid4().hex,
        "timestamp_ms": time.time_ns() // 1_000_000,
        "service": "shop",
    }
    return json.dumps(common | fields).encode()


def ledger() -> list[tuple[str, bytes]]:
    """Return the headers of the next event: producer, boot and number."""
    return [("pipeline-ledger", f"{PRODUCER_ID}/{BOOT_ID}/{next(sequence)}".encode())]


async def pay() -> None:
    """Do what the service is there for. Here: take some milliseconds, and fail now and then."""
    await asyncio.sleep(random.uniform(0.005, 0.05))  # noqa: S311 - no secret
    if random.random() < FAILING_RATIO:  # noqa: S311 - no secret
        raise ConnectionError("the bank did not answer")


async def call_and_publish(producer: AIOKafkaProducer) -> None:
    """Call `pay` once, and publish how long it took and whether it worked; if it did not, publish the error too."""
    started, success = time.perf_counter(), True
    try:
        await pay()
    except ConnectionError as error:
        success = False
        about = {"operation": "pay", "severity": "error", "error_type": type(error).__name__, "message": str(error)}
        await producer.send("events.errors", event("error", **about), headers=ledger())
    duration_ms = (time.perf_counter() - started) * 1_000
    await producer.send(
        "events.operations",
        event("operation", operation="pay", duration_ms=duration_ms, success=success),
        headers=ledger(),
    )


async def main() -> None:
    """Publish some calls and leave when Kafka has acknowledged them all."""
    # The core is three lines: start, send (above), and stop, which waits until everything sent is acknowledged.
    # acks="all" and idempotence: nothing is lost or doubled on the way. linger_ms: many small events in one request.
    producer = AIOKafkaProducer(bootstrap_servers=KAFKA, acks="all", enable_idempotence=True, linger_ms=20)
    try:
        await producer.start()
        for _ in range(CALLS):
            await call_and_publish(producer)
    finally:
        await producer.stop()
    print(f"published {CALLS} calls of shop/pay to {KAFKA}; look at them: pipeline stats --service shop")


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KafkaConnectionError:
        sys.exit(f"No Kafka answers at {KAFKA}. PIPELINE_KAFKA names another one.")
