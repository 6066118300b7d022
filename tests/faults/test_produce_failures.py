"""A topic that takes no records any more: the worker ends, commits nothing past them, and goes on once it is mended."""

from __future__ import annotations

import asyncio
import time

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from pipeline.settings import Settings
from pipeline.topic_admin import ensure_topics
from pipeline.topics import RECORD_BYTES, specs, topics_of
from tests.faults.ledger import panes_account, wait_until_counted
from tests.faults.process import WorkerProcess
from tests.faults.test_kill_workers import closed_like
from tests.faults.traffic import publish

EVENTS = 10_000
REFUSE_ALL_BYTES = 10

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(300)]


async def allow_records_of(settings: Settings, topic: str, size_bytes: int) -> None:
    config = next(spec.config for spec in specs(settings) if spec.name == topic)
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    await admin.start()
    try:  # what is not named goes back to the broker's default
        changed = {**config, "max.message.bytes": str(size_bytes)}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, changed)])
    finally:
        await admin.close()


async def committed(kafka: str, group: str) -> dict[object, int]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        return {tp: found.offset for tp, found in (await admin.list_consumer_group_offsets(group)).items()}
    finally:
        await admin.close()


async def until_ended(worker: WorkerProcess, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while worker.alive:
        assert time.monotonic() < deadline, f"{worker.log.name}: goes on although nothing arrives"
        await asyncio.sleep(0.5)


@pytest.mark.parametrize(("role", "refusing"), [("aggregator", "panes"), ("evaluator", "closed_panes")])
async def test_a_worker_whose_records_are_refused_ends_and_loses_nothing(
    stack_settings: Settings, role: str, refusing: str
) -> None:
    settings, group = stack_settings, f"{stack_settings.namespace}.pipeline-{role}"
    await ensure_topics(settings)
    topics, kafka = topics_of(settings), settings.kafka or ""
    topic = getattr(topics, refusing)
    with (
        WorkerProcess("aggregator", settings, "aggregator-1") as aggregator,
        WorkerProcess("evaluator", settings, "evaluator-1") as evaluator,
    ):
        victim = aggregator if role == "aggregator" else evaluator
        account = await publish(kafka, topics.operations, events=EVENTS, seconds=5, seed=1)
        await wait_until_counted(kafka, topics.panes, EVENTS, 60)
        await allow_records_of(settings, topic, REFUSE_ALL_BYTES)
        account += await publish(kafka, topics.operations, events=EVENTS, seconds=5, seed=2)
        await until_ended(victim, 120)
        assert victim.exit_code != 0
        before = await committed(kafka, group)
        await allow_records_of(settings, topic, RECORD_BYTES)
        assert await committed(kafka, group) == before
        victim.start()
        marks = await wait_until_counted(kafka, topics.panes, 2 * EVENTS, 60)
        await closed_like(kafka, topics.closed_panes, account, 90)
    assert sum(mark.late for mark in marks.values()) == 0
    found, complaints = await panes_account(kafka, topics.panes)
    assert complaints == []
    assert found == account
