"""Kafka freezes or dies under load and comes back: no worker leaves, and every event is counted exactly once.

``AWAY_SECONDS=90 pytest tests/faults/test_kafka_faults.py`` for longer outages.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.embedded.kafka import EmbeddedKafka
from pipeline.settings import Settings
from pipeline.topic_admin import ensure_topics
from pipeline.topics import topics_of
from tests.faults.ledger import panes_account, wait_until_counted
from tests.faults.own_servers import dead, frozen, own_kafka
from tests.faults.process import WorkerProcess, at_work
from tests.faults.test_kill_workers import closed_like
from tests.faults.traffic import publish

EVENTS = 25_000
SECONDS = 25.0
AWAY_SECONDS = float(os.environ.get("AWAY_SECONDS", "20"))  # twice a session
AT_WORK_SECONDS = 8
JOINING_SECONDS = 1.5  # so long after its start a worker is about to join its group

__all__ = ["own_kafka"]
pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.mark.parametrize("away", [dead, frozen])
async def test_workers_outlive_an_outage_and_count_everything_once(
    own_kafka: EmbeddedKafka,
    tmp_path: Path,
    away: Callable[[EmbeddedKafka], contextlib.AbstractContextManager[None]],
) -> None:
    seed = int(os.environ.get("SEED", random.randrange(10**6)))
    print(f"SEED={seed}")
    settings = Settings(kafka=own_kafka.bootstrap, home=tmp_path)
    await ensure_topics(settings)
    topics, kafka = topics_of(settings), own_kafka.bootstrap
    late_comer = WorkerProcess("evaluator", settings, "evaluator-2")
    with (
        WorkerProcess("aggregator", settings, "aggregator-1") as aggregator,
        WorkerProcess("evaluator", settings, "evaluator-1") as evaluator,
        contextlib.closing(late_comer),
    ):
        publishing = asyncio.create_task(publish(kafka, topics.operations, events=EVENTS, seconds=SECONDS, seed=seed))
        await asyncio.sleep(AT_WORK_SECONDS)
        await at_work(aggregator, evaluator)
        late_comer.start()
        await asyncio.sleep(JOINING_SECONDS)
        with away(own_kafka):
            await asyncio.sleep(AWAY_SECONDS)
        account = await publishing
        marks = await wait_until_counted(kafka, topics.panes, EVENTS, 60)
        await closed_like(kafka, topics.closed_panes, account, 90)
        for worker in (aggregator, evaluator, late_comer):
            assert worker.alive, f"{worker.log.name}: left because Kafka was away"
        assert "Kafka does not answer" in aggregator.log.read_text()
    assert (sum(mark.operations for mark in marks.values()), sum(mark.late for mark in marks.values())) == (EVENTS, 0)
    found, complaints = await panes_account(kafka, topics.panes)
    assert complaints == []
    assert found == account
