"""An upgrade while events flow: workers of the release before, replaced one after the other by those of this one."""

from __future__ import annotations

import asyncio
import io
import os
import random
import subprocess
import tarfile
from pathlib import Path

import pytest

from pipeline.settings import Settings
from pipeline.topic_admin import ensure_topics
from pipeline.topics import topics_of
from tests.faults.history import RAW, SLOTS, history_account, wait_until_landed
from tests.faults.ledger import panes_account, wait_until_counted
from tests.faults.process import WorkerProcess, at_work
from tests.faults.test_kill_workers import closed_like
from tests.faults.traffic import publish

RELEASE_BEFORE = "0761b85fd316aede3ff1025b22d70d71f32638a0"
"""The commit that the release before was; raised with each release."""

EVENTS = 90_000
SECONDS = 45.0
APART_SECONDS = 9.0
ROLES = ("aggregator", "evaluator", "lander")

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(360)]


@pytest.fixture
def release_before(tmp_path: Path) -> Path:
    root = Path(__file__).parents[2]
    command = ["git", "-C", str(root), "archive", RELEASE_BEFORE, "pipeline", "schemas"]
    found = subprocess.run(command, check=False, capture_output=True)
    if found.returncode:
        pytest.skip(f"the release before ({RELEASE_BEFORE[:7]}) is not in this checkout's history")
    folder = tmp_path / "before"
    with tarfile.open(fileobj=io.BytesIO(found.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


async def replace_one_after_the_other(before: list[WorkerProcess], after: list[WorkerProcess]) -> None:
    for old, new in zip(before, after, strict=True):
        await asyncio.sleep(APART_SECONDS)
        await asyncio.to_thread(old.stop)
        new.start()


async def test_an_upgrade_while_events_flow_loses_nothing_and_counts_nothing_twice(
    stack_settings: Settings, clickhouse: str, release_before: Path
) -> None:
    seed = int(os.environ.get("SEED", random.randrange(10**6)))
    print(f"SEED={seed}")
    settings = stack_settings.model_copy(update={"clickhouse": clickhouse, "database": stack_settings.namespace})
    topics, kafka = topics_of(settings), settings.kafka or ""
    await ensure_topics(settings)
    before = [WorkerProcess(role, settings, f"{role}-1", folder=release_before) for role in ROLES]
    after = [WorkerProcess(role, settings, f"{role}-1") for role in ROLES]
    try:
        for worker in before:
            worker.start()
        await at_work(*(worker for worker in before if worker.role != "lander"))
        replacing = asyncio.create_task(replace_one_after_the_other(before, after))
        account = await publish(kafka, topics.operations, events=EVENTS, seconds=SECONDS, seed=seed)
        await replacing
        marks = await wait_until_counted(kafka, topics.panes, EVENTS, 90)
        await wait_until_landed(settings, EVENTS, 90)
        await closed_like(kafka, topics.closed_panes, account, 120)
    finally:
        for worker in (*before, *after):
            worker.stop()
    assert sum(mark.late for mark in marks.values()) == 0
    found, complaints = await panes_account(kafka, topics.panes)
    assert complaints == []
    assert found == account
    assert history_account(settings, RAW) == account
    assert history_account(settings, SLOTS) == account
