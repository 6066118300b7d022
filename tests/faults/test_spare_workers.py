"""A worker that has nothing to do stays in its group, and takes over when it is needed."""

from __future__ import annotations

import asyncio
import time

import pytest

from pipeline.settings import Settings
from pipeline.topic_admin import ensure_topics
from tests.faults.process import WorkerProcess

OWNS = "owns 1 shards"
POLL_SECONDS = 4
JOINING_SECONDS = 6
IDLE_SECONDS = 12

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(240)]


async def until_said(worker: WorkerProcess, words: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while words not in worker.log.read_text():
        assert time.monotonic() < deadline, f"{worker.log.name} did not say {words!r} in {seconds} s"
        await asyncio.sleep(0.2)


async def test_a_worker_without_partitions_is_still_there_after_the_longest_time_between_two_polls(
    stack_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Faust's own setting: after so long without a fetch aiokafka leaves its group, and does not join again.
    monkeypatch.setenv("BROKER_MAX_POLL_INTERVAL", str(POLL_SECONDS))
    settings = stack_settings.model_copy(update={"partitions": 1})
    await ensure_topics(settings)
    with (
        WorkerProcess("evaluator", settings, "evaluator-1") as first,
        WorkerProcess("evaluator", settings, "evaluator-2") as second,
    ):
        await asyncio.wait(
            [asyncio.create_task(until_said(worker, OWNS)) for worker in (first, second)],
            return_when=asyncio.FIRST_COMPLETED,
        )
        await asyncio.sleep(JOINING_SECONDS + IDLE_SECONDS)
        owner, spare = (first, second) if OWNS in first.log.read_text() else (second, first)
        assert OWNS not in spare.log.read_text()
        owner.kill()
        await until_said(spare, OWNS)
