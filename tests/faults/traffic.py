"""Load for the fault tests: operation events, single and in arrays, out of order, and an exact account of them."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field

from aiokafka import AIOKafkaProducer

PANE_MS = 10_000
PATIENCE_MS = 600_000
"""So long the producer waits for a Kafka that is away, before it gives an event up."""
DISORDER_MS = 1_500
OPERATIONS = [(f"service-{n % 4}", f"operation-{n}") for n in range(28)]

SlotKey = tuple[int, str, str]
"""(pane start, service, operation)"""


@dataclass
class Account:
    """What the broker has acknowledged: events, failures and microseconds by pane and operation."""

    events: Counter[SlotKey] = field(default_factory=Counter)
    failures: Counter[SlotKey] = field(default_factory=Counter)
    latency_us: Counter[SlotKey] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        return sum(self.events.values())

    def __add__(self, other: Account) -> Account:
        return Account(self.events + other.events, self.failures + other.failures, self.latency_us + other.latency_us)


def make_event(rng: random.Random, number: int, now_ms: int) -> dict[str, object]:
    service, operation = rng.choice(OPERATIONS)
    return {
        "type": "operation",
        "event_id": f"e{number}",
        "timestamp_ms": now_ms - rng.randrange(DISORDER_MS),
        "service": service,
        "operation": operation,
        "duration_ms": round(rng.lognormvariate(3, 1), 3),
        "success": rng.random() > 0.02,
        "status_code": 200,
    }


async def publish(
    bootstrap: str,
    topic: str,
    *,
    events: int,
    seconds: float,
    seed: int,
    partitions: int = 8,
    at_ms: int | None = None,
) -> Account:
    """Publish `events` over about `seconds`, a third of the records arrays; return the account of all of them.

    They happen when they are sent, or all of them at `at_ms`.
    """
    rng, account = random.Random(seed), Account()
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        linger_ms=10,
        acks="all",
        enable_idempotence=True,
        max_batch_size=128 * 1024,
        request_timeout_ms=PATIENCE_MS,
    )
    await producer.start()
    sent, began, waiting = 0, time.monotonic(), []
    try:
        while sent < events:
            body = [
                make_event(rng, sent + n, at_ms or time.time_ns() // 1_000_000)
                for n in range(min(events - sent, rng.choice([1, 1, 1, 10, 30])))
            ]
            value = json.dumps(body if len(body) > 1 or rng.random() < 0.1 else body[0]).encode()
            waiting.append(await producer.send(topic, value, partition=rng.randrange(partitions)))
            for event in body:
                count(account, event)
            sent += len(body)
            if len(waiting) > 5_000:
                await asyncio.gather(*waiting)
                waiting.clear()
            await asyncio.sleep(max(0.0, began + seconds * sent / events - time.monotonic()))
        await asyncio.gather(*waiting)
    finally:
        await producer.stop()
    return account


def count(account: Account, event: dict[str, object]) -> None:
    timestamp_ms = event["timestamp_ms"]
    assert isinstance(timestamp_ms, int)
    key = (timestamp_ms // PANE_MS * PANE_MS, str(event["service"]), str(event["operation"]))
    account.events[key] += 1
    if not event["success"]:
        account.failures[key] += 1
    account.latency_us[key] += round(float(str(event["duration_ms"])) * 1000)
