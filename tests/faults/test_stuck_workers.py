"""A worker that is alive, in its group and does not get on leaves, and its successor goes on exactly."""

from __future__ import annotations

import asyncio
import time

import pytest

from pipeline.settings import Settings
from pipeline.topic_admin import ensure_topics
from pipeline.topics import topics_of
from tests.faults.ledger import panes_account, wait_until_counted
from tests.faults.process import WorkerProcess
from tests.faults.traffic import publish

EVENTS = 10_000
STUCK_SECONDS = 5

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(240)]


async def test_a_worker_whose_fetches_hang_leaves_and_says_why(
    stack_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPELINE_STUCK_SECONDS", str(STUCK_SECONDS))
    await ensure_topics(stack_settings)
    topics, kafka, hang = topics_of(stack_settings), stack_settings.kafka or "", stack_settings.home / "hang"
    with WorkerProcess("aggregator", stack_settings, "aggregator-1", "tests.faults.hangs") as worker:
        account = await publish(kafka, topics.operations, events=EVENTS, seconds=5, seed=1)
        await wait_until_counted(kafka, topics.panes, EVENTS // 4, 60)
        hang.touch()
        account += await publish(kafka, topics.operations, events=EVENTS, seconds=5, seed=2)
        deadline = time.monotonic() + 60
        while worker.exit_code is None:
            assert time.monotonic() < deadline, "it hangs, and nobody minds"
            await asyncio.sleep(0.5)
        assert worker.exit_code != 0
        assert "the worker is stuck. It leaves" in worker.log.read_text()
        hang.unlink()
        worker.start()
        await wait_until_counted(kafka, topics.panes, 2 * EVENTS, 60)
    found, complaints = await panes_account(kafka, topics.panes)
    assert complaints == []
    assert found == account
