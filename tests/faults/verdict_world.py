"""A small world for the tests of the verdict: real workers on real servers, a few thousand events of every sort."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaProducer

from faults.facts import FinishedRun, ProducerAccount
from faults.verdict.watch import Watch
from pipeline.decode.ledger_header import Numbering
from pipeline.lander.preparing import prepare_history
from pipeline.progress import progress_of
from pipeline.settings import Settings
from pipeline.topic_admin import ensure_topics
from pipeline.topics import Topics, topics_of
from tests.faults.process import WorkerProcess

FAST = {
    "pane_seconds": 2,
    "windows": ("10s", "1m"),
    "allowed_lateness_ms": 4_000,
    "out_of_orderness_ms": 1_000,
    "idle_after_ms": 3_000,
    "start_grace_ms": 1_000,
    "partitions": 4,
}
"""Settings with which a world comes to rest within seconds."""

NAMES = [(f"service-{n % 3}", f"operation-{n}") for n in range(9)]


def fast(settings: Settings, clickhouse: str) -> Settings:
    """Return settings for a world; `set_environment` gives the same to its workers."""
    return settings.model_copy(update={**FAST, "clickhouse": clickhouse, "database": settings.namespace})


def environment() -> dict[str, str]:
    """Return the variables with which workers run under `fast`."""
    return {
        f"PIPELINE_{name.upper()}": json.dumps(value) if isinstance(value, tuple) else str(value)
        for name, value in FAST.items()
    }


@dataclass
class Sent:
    """One record of a producer that is still to be acknowledged."""

    first: int
    past: int
    answer: Any


@dataclass
class Load:
    """One producer: makes events of every sort, and knows what was acknowledged."""

    name: str
    topics: Topics
    rng: random.Random
    sent: int = 0
    waiting: list[Sent] = field(default_factory=list)
    now_ms: int | None = None  # None: the clock's

    def __post_init__(self) -> None:
        self.numbering = Numbering(self.name, "boot-1")

    async def send(
        self, producer: AIOKafkaProducer, topic: str, value: bytes | None, events: int, partition: int
    ) -> None:
        """Send one record that stands for so many events."""
        answer = await producer.send(
            topic, value, key=b"k", partition=partition, headers=self.numbering.headers(events)
        )
        self.waiting.append(Sent(self.sent, self.sent + events, answer))
        self.sent += events

    async def one(self, producer: AIOKafkaProducer, partitions: int) -> None:
        """Send one record: mostly good, sometimes late, early, broken or said before."""
        rng, partition = self.rng, self.rng.randrange(partitions)
        draw = rng.random()
        if draw < 0.01:
            await self.send(producer, self.topics.operations, rng.choice([b"{", b"\xff", None, b"17"]), 1, partition)
        elif draw < 0.02:
            body = [self.operation(), {"type": "operation"}, self.operation()]
            await self.send(producer, self.topics.operations, json.dumps(body).encode(), 3, partition)
        elif draw < 0.10:
            await self.send(producer, self.topics.errors, json.dumps(self.error()).encode(), 1, partition)
        elif draw < 0.12:
            await self.send(producer, self.topics.samples, json.dumps(self.sample()).encode(), 1, partition)
        elif draw < 0.3:
            body = [self.operation() for _ in range(rng.choice([1, 5, 20]))]
            await self.send(producer, self.topics.operations, json.dumps(body).encode(), len(body), partition)
        else:
            await self.send(producer, self.topics.operations, json.dumps(self.operation()).encode(), 1, partition)

    def _common(self) -> dict[str, object]:
        now_ms = time.time_ns() // 1_000_000 if self.now_ms is None else self.now_ms
        behind_ms = self.rng.choices(
            [self.rng.randrange(900), self.rng.randrange(3_000), 60_000 + self.rng.randrange(9_000), -60_000],
            [96, 2, 1, 1],
        )[0]
        service, operation = self.rng.choice(NAMES)
        return {
            "event_id": f"{self.name}/boot-1/{self.sent}",
            "timestamp_ms": now_ms - behind_ms,
            "service": service,
            "operation": operation,
        }

    def operation(self) -> dict[str, object]:
        """Return an operation event."""
        rng, good = self.rng, self.rng.random() > 0.1
        return {
            **self._common(),
            "type": "operation",
            "duration_ms": rng.choice([0, 0.001, 4_000_000, round(rng.lognormvariate(3, 1), 3)]),
            "success": good,
            "status_code": rng.choice([None, 200]) if good else rng.choice([404, 408, 500, None]),
            "outcome": rng.choice([None, "ok"]) if good else rng.choice([None, None, "timeout", "cancelled", "error"]),
            "weight": rng.choice([1, 1, 1, 7]),
        }

    def error(self) -> dict[str, object]:
        """Return an error event."""
        event = {
            **self._common(),
            "type": "error",
            "severity": self.rng.choice(["warning", "error", "critical"]),
            "error_type": "Broken",
            "message": "made by a test",
            "weight": self.rng.choice([1, 3]),
        }
        return event if self.rng.random() < 0.7 else {name: event[name] for name in event if name != "operation"}

    def sample(self) -> dict[str, object]:
        """Return a sample."""
        event = self._common()
        del event["operation"]
        return {**event, "type": "sample", "name": "memory", "value": 1.5}

    async def account(self) -> ProducerAccount:
        """Return what was acknowledged, once everything has an answer."""
        for one in self.waiting:
            await one.answer
        acknowledged = tuple((one.first, one.past) for one in self.waiting)
        return ProducerAccount(self.name, "boot-1", "any", self.sent, acknowledged)


Disturb = Callable[["Workers"], Coroutine[None, None, None]]


@asynccontextmanager
async def world(
    settings: Settings,
    seed: int,
    *,
    events: int = 4_000,
    seconds: float = 12.0,
    module: str = "pipeline.cli.main",
    disturb: Disturb | None = None,
) -> AsyncIterator[World]:
    """Run aggregator, evaluator and lander under a watch and some load; all are still up in the body.

    `module` is what is run as a worker; `disturb` is done while the load goes on.
    """
    await ensure_topics(settings)
    await prepare_history(settings, asyncio.Event())
    async with AsyncExitStack() as stack:
        workers = Workers(settings, module)
        for role in ("aggregator", "evaluator", "lander"):
            stack.enter_context(workers.worker(role, 1))
        watch = await stack.enter_async_context(Watch(settings))
        await _at_work(settings)
        began_ms = time.time_ns() // 1_000_000
        disturbing = asyncio.create_task(disturb(workers)) if disturb is not None else None
        producers = await _load(settings, seed, events, seconds)
        if disturbing is not None:
            await disturbing
        ended_ms = time.time_ns() // 1_000_000
        yield World(watch, FinishedRun(settings, seed, began_ms, ended_ms, (), producers))


@dataclass
class Workers:
    """The workers of a world, by name."""

    settings: Settings
    module: str
    running: dict[str, WorkerProcess] = field(default_factory=dict)

    def worker(self, role: str, number: int) -> WorkerProcess:
        """Return one that is not started."""
        name = f"{role}-{number}"
        self.running[name] = WorkerProcess(role, self.settings, name, self.module)
        return self.running[name]


@dataclass
class World:
    """A run that has ended, and the watch on it."""

    watch: Watch
    run: FinishedRun


async def _at_work(settings: Settings) -> None:
    """Wait until every role has committed something: marks go round without any event."""
    async with progress_of(settings) as progress:
        for _ in range(300):
            if len({one.group for one in await progress.look()}) == 3:
                return
            await asyncio.sleep(0.3)
    raise AssertionError("not every worker has come to work")


async def _load(settings: Settings, seed: int, events: int, seconds: float) -> tuple[ProducerAccount, ...]:
    loads = [Load(name, topics_of(settings), random.Random(f"{seed}/{name}")) for name in ("left", "right")]
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka, acks="all", enable_idempotence=True, linger_ms=5)
    await producer.start()
    try:
        began = time.monotonic()
        while (sent := sum(load.sent for load in loads)) < events:
            for load in loads:
                await load.one(producer, settings.partitions)
            await asyncio.sleep(max(0.0, began + seconds * sent / events - time.monotonic()))
        return tuple([await load.account() for load in loads])
    finally:
        await producer.stop()
