"""kill -9 of aggregator and evaluator in each of an alert's five states: the outcome is the same as without."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from pipeline.settings import Settings
from pipeline.topic_admin import ensure_topics
from pipeline.topics import topics_of
from tests.faults.process import WorkerProcess, at_work

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(400)]

RULES = (
    "rules:\n  - {name: errors, type: error_rate, window: 4s, group_by: overall, for: 8s, keep_firing: 8s, "
    "min_samples: 5, on_time: true, severities: {critical: 10%}}\n"
)
ENVIRONMENT = {
    "PIPELINE_PANE_SECONDS": "2",
    "PIPELINE_WINDOWS": '["4s","10s"]',
    "PIPELINE_OUT_OF_ORDERNESS_MS": "500",
    "PIPELINE_IDLE_AFTER_MS": "3000",
    "PIPELINE_START_GRACE_MS": "1000",
}
STATES = ("inactive", "pending", "firing", "recovering", "resolved")
EVENT_SECONDS = 0.1
PATIENCE_SECONDS = 60.0
OUTCOME = (
    *("alert_id", "sequence", "state", "previous_state", "severity", "step_end_ms", "value", "samples", "threshold"),
    *("started_ms", "fired_ms", "resolved_ms", "notify", "notify_reason"),
)


class Traffic:
    """Ten calls a second, the same to every namespace; half of them fail while `failing` is set."""

    def __init__(self, kafka: str, topics: list[str]) -> None:
        self.failing = False
        self._kafka = kafka
        self._topics = topics

    async def run(self) -> None:
        number = 0
        async with AIOKafkaProducer(bootstrap_servers=self._kafka, acks="all") as producer:
            while True:
                event = json.dumps(
                    {
                        "type": "operation",
                        "event_id": f"e{number}",
                        "timestamp_ms": time.time_ns() // 1_000_000,
                        "service": "checkout",
                        "operation": "pay",
                        "duration_ms": 5,
                        "success": not (self.failing and number % 2),
                    }
                ).encode()
                for topic in self._topics:
                    await producer.send_and_wait(topic, event, partition=number % 2)
                number += 1
                await asyncio.sleep(EVENT_SECONDS)


class Heard:
    """What one namespace has said on a topic, as it comes."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self.records: list[dict[str, Any]] = []
        self._settings = settings
        self._topic = topic

    async def run(self) -> None:
        consumer = AIOKafkaConsumer(
            self._topic, bootstrap_servers=self._settings.kafka, auto_offset_reset="earliest", group_id=None
        )
        await consumer.start()
        try:
            async for record in consumer:
                self.records.append(json.loads(record.value))
        finally:
            await consumer.stop()

    async def until_state(self, state: str) -> None:
        """Wait until the newest record is of an alert in this state."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.records or self.records[-1]["state"] != state:
            assert time.monotonic() < deadline, f"not {state}: {self.told()}"
            await asyncio.sleep(0.05)

    def told(self) -> list[dict[str, Any]]:
        """Return what everybody must agree on, each transition once; a repetition has the same content."""
        found: dict[tuple[str, int], dict[str, Any]] = {}
        for one in self.records:
            before = found.setdefault((one["alert_id"], one["sequence"]), one)
            assert before == one, "two contents of one transition"
        return [{name: one[name] for name in OUTCOME} for one in found.values()]


@asynccontextmanager
async def in_background(*running: Any) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(one.run()) for one in running]
    try:
        yield
        for task in tasks:
            assert not task.done(), task.exception()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def workers_of(settings: Settings) -> list[WorkerProcess]:
    return [WorkerProcess(role, settings, f"{role}-1") for role in ("aggregator", "evaluator")]


async def test_the_outcome_is_the_same_as_without_whatever_state_the_alert_is_in(
    stack_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    rules = stack_settings.home / "rules.yaml"
    rules.write_text(RULES)
    killed = stack_settings.model_copy(update={"partitions": 2, "rules": rules})
    left_alone = killed.model_copy(update={"namespace": f"{killed.namespace}-calm", "home": killed.home / "calm"})
    left_alone.home.mkdir()
    worlds = (killed, left_alone)
    for settings in worlds:
        await ensure_topics(settings)
    traffic = Traffic(killed.kafka or "", [topics_of(settings).operations for settings in worlds])
    alerts, calm = (Heard(settings, topics_of(settings).alerts) for settings in worlds)
    stats = Heard(killed, topics_of(killed).stats)
    victims = workers_of(killed)
    async with AsyncExitStack() as stack:
        for worker in (*victims, *workers_of(left_alone)):
            stack.enter_context(worker)
        await at_work(*victims)
        await stack.enter_async_context(in_background(traffic, alerts, calm, stats))
        for state in STATES:
            if state == "inactive":
                await at_work_again(stats)
            else:
                await alerts.until_state(state)
            for worker in victims:
                worker.kill_and_restart()
            if state in ("inactive", "firing"):
                await at_work_again(stats)
                traffic.failing = state == "inactive"
        await calm.until_state("resolved")
        await at_work_again(stats)
        assert alerts.told() == calm.told()
    assert [one["state"] for one in alerts.told()] == list(STATES[1:])
    pending, firing, recovering, resolved = alerts.told()
    assert firing["step_end_ms"] - pending["step_end_ms"] == 8_000
    assert resolved["step_end_ms"] - recovering["step_end_ms"] == 8_000


async def at_work_again(stats: Heard) -> None:
    """Wait until the windows are at what happens now, and a little longer."""
    now_ms = time.time_ns() // 1_000_000
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not stats.records or stats.records[-1]["step_end_ms"] < now_ms:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)
