"""Measurement 3: how long after an event's publish the alert stands on the topic, while other traffic flows.

Each trial has an operation of its own, so that its alert fires anew. A critical error is one error event. An error
rate is crossed by the last of as many failed calls as the rule wants samples; with one less nothing may fire, so the
clock starts just before that last one is sent. It stops at the broker's own time of appending the alert.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from bench.alerts import Fired, fired_alerts
from bench.child import worker
from bench.events import PARTITIONS, EventMaker
from bench.figures import Figure
from bench.places import Places, places
from bench.stage import Stage, until
from bench.writer import live_traffic
from pipeline.core.rules import DEFAULT_MIN_SAMPLES
from pipeline.topic_admin import ensure_topics
from pipeline.topics import Topics, specs, topics_of

TRIALS = 120
PER_SECOND = 2_000
SERVICE = "bench-trials"
_EVERY_SECONDS = 0.25
_BURST_LEADS_SECONDS = (0.5, 1.5)
_GOALS_MS = {"critical-error": 1_000.0, "error-rate": 2_000.0}


async def measure(stage: Stage, *, series: int, trials: int = TRIALS, per_second: float = PER_SECOND) -> list[Figure]:
    """Run both kinds of trials at the same time and return the figures."""
    settings, topics = stage.settings, topics_of(stage.settings)
    await _make_topics(stage, topics)
    maker = EventMaker(series, failure_ratio=0.0)
    async with (
        places(settings) as at,
        worker("aggregator", settings),
        worker("evaluator", settings),
        live_traffic(settings.kafka or "", topics.operations, maker, per_second),
        fired_alerts(settings.kafka or "", topics.alerts) as fired,
    ):
        stage.say(f"waiting for the first windows, at {per_second:,.0f} events/s")
        await until("the evaluator emits stats", lambda: _emits(at, topics))
        stage.say(f"{trials} critical errors and {trials} error rates")
        sent = await _trials(settings.kafka or "", topics, trials)
        await until("every alert has fired", lambda: _all_fired(fired, sent), 60)
    figures = [Figure("latency.load", "traffic beside the trials", per_second, "events/s")]
    for rule, goal_ms in _GOALS_MS.items():
        figures += _percentiles(
            rule, [fired[key] - sent_ms for key, sent_ms in sent.items() if key[0] == rule], goal_ms
        )
    return figures


def _percentiles(rule: str, found_ms: list[float], p99_goal_ms: float) -> list[Figure]:
    ascending = sorted(found_ms)

    def rank(share: float) -> float:
        return ascending[max(0, math.ceil(share * len(ascending)) - 1)]

    what = f"publish to alert, {rule}"
    return [
        Figure(f"latency.{rule}.trials", f"{what}: trials", len(ascending), ""),
        Figure(f"latency.{rule}.p50", f"{what}: p50", rank(0.50), "ms"),
        Figure(f"latency.{rule}.p95", f"{what}: p95", rank(0.95), "ms"),
        Figure(f"latency.{rule}.p99", f"{what}: p99", rank(0.99), "ms", None, p99_goal_ms),
    ]


async def _make_topics(stage: Stage, topics: Topics) -> None:
    """Make the topics; that of alerts with the broker's time in its records instead of the evaluator's."""
    settings = stage.settings
    spec = next(spec for spec in specs(settings) if spec.name == topics.alerts)
    config = {**spec.config, "message.timestamp.type": "LogAppendTime"}
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(spec.name, spec.partitions, settings.replication, topic_configs=config)])
    finally:
        await admin.close()
    await ensure_topics(settings)


async def _emits(at: Places, topics: Topics) -> bool:
    return all((await at.ends(topics.stats)).values())


async def _all_fired(fired: Fired, sent: dict[tuple[str, str], float]) -> bool:
    return sent.keys() <= fired.keys()


async def _trials(bootstrap: str, topics: Topics, trials: int) -> dict[tuple[str, str], float]:
    """Run the trials, a pair of them four times a second at random phases; return when each was sent, in ms."""
    rng = random.Random(1)
    sent: dict[tuple[str, str], float] = {}
    async with _producer(bootstrap) as producer, asyncio.TaskGroup() as group:
        for number in range(trials):
            group.create_task(_critical(producer, topics, number, sent))
            group.create_task(_rate(producer, topics, number, sent, rng.uniform(*_BURST_LEADS_SECONDS)))
            await asyncio.sleep(_EVERY_SECONDS * rng.uniform(0.5, 1.5))
    return sent


@asynccontextmanager
async def _producer(bootstrap: str) -> AsyncIterator[Any]:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def _critical(producer: Any, topics: Topics, number: int, sent: dict[tuple[str, str], float]) -> None:
    operation = f"critical-{number}"
    event = _event(operation, number, "error", severity="critical", error_type="Trial", message="a trial")
    sent["critical-error", operation] = time.time() * 1000
    await producer.send_and_wait(topics.errors, event, partition=number % PARTITIONS)


async def _rate(
    producer: Any, topics: Topics, number: int, sent: dict[tuple[str, str], float], lead_seconds: float
) -> None:
    operation, partition = f"rate-{number}", number % PARTITIONS
    for _ in range(DEFAULT_MIN_SAMPLES - 1):
        await producer.send(topics.operations, _failure(operation, number), partition=partition)
    await asyncio.sleep(lead_seconds)  # what came before has arrived, and may not have fired
    last = _failure(operation, number)
    sent["error-rate", operation] = time.time() * 1000
    await producer.send_and_wait(topics.operations, last, partition=partition)


def _failure(operation: str, number: int) -> bytes:
    return _event(operation, number, "operation", duration_ms=12.5, success=False, status_code=500)


def _event(operation: str, number: int, kind: str, **fields: object) -> bytes:
    who = {"type": kind, "event_id": f"trial-{number}", "timestamp_ms": time.time_ns() // 1_000_000}
    return json.dumps({**who, "service": SERVICE, "operation": operation, **fields}).encode()
