"""SIGTERM ends every worker within PIPELINE_STOP_SECONDS, whatever state the servers are in, and nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.embedded.clickhouse import EmbeddedClickHouse
from pipeline.embedded.kafka import EmbeddedKafka
from pipeline.lander.preparing import prepare_history
from pipeline.settings import Settings
from pipeline.topic_admin import ensure_topics
from pipeline.topics import topics_of
from tests.faults.history import wait_until_landed
from tests.faults.ledger import panes_account, wait_until_counted
from tests.faults.own_servers import dead, frozen, own_clickhouse, own_kafka
from tests.faults.process import WorkerProcess, at_work
from tests.faults.traffic import Account, publish

STOP_SECONDS = 5
MARGIN_SECONDS = 3  # the machines that run this are busy
EVENTS = 6_000
SECONDS = 8.0
AWAY_SECONDS = 2
KILLED_BY_SIGTERM = -15

__all__ = ["own_clickhouse", "own_kafka"]
pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(400)]

State = Callable[[EmbeddedKafka, EmbeddedClickHouse], contextlib.AbstractContextManager[None]]
STATES: dict[str, State] = {
    "all is well": lambda _, __: contextlib.nullcontext(),
    "kafka is frozen": lambda kafka, _: frozen(kafka),
    "kafka is dead": lambda kafka, _: dead(kafka),
    "clickhouse is frozen": lambda _, clickhouse: frozen(clickhouse),
    "clickhouse is dead": lambda _, clickhouse: dead(clickhouse),
}


@pytest.fixture
def settings(
    own_kafka: EmbeddedKafka, own_clickhouse: EmbeddedClickHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    monkeypatch.setenv("PIPELINE_STOP_SECONDS", str(STOP_SECONDS))
    return Settings(kafka=own_kafka.bootstrap, clickhouse=own_clickhouse.address, home=tmp_path)


@contextlib.contextmanager
def crew(settings: Settings) -> Iterator[list[WorkerProcess]]:
    """One worker of each role, not started."""
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(contextlib.closing(WorkerProcess(role, settings, f"{role}-1")))
            for role in ("aggregator", "evaluator", "lander")
        ]


async def told_to_stop(workers: list[WorkerProcess], codes: tuple[int, ...] = (0,)) -> list[str]:
    """Tell all at once; return complaints about how each has left, and when."""

    async def leave(worker: WorkerProcess) -> str:
        began = time.monotonic()
        await asyncio.to_thread(worker.stop)
        seconds = time.monotonic() - began
        if worker.exit_code in codes and seconds <= STOP_SECONDS + MARGIN_SECONDS:
            return ""
        return f"{worker.role}: exit code {worker.exit_code} after {seconds:.1f} s\n{worker.log.read_text()[-6000:]}"

    return [complaint for complaint in await asyncio.gather(*map(leave, workers)) if complaint]


async def nothing_is_lost(settings: Settings, account: Account) -> None:
    topics, kafka = topics_of(settings), settings.kafka or ""
    marks = await wait_until_counted(kafka, topics.panes, EVENTS, 120)
    await wait_until_landed(settings, EVENTS, 120)
    assert (sum(mark.operations for mark in marks.values()), sum(mark.late for mark in marks.values())) == (EVENTS, 0)
    found, complaints = await panes_account(kafka, topics.panes)
    assert complaints == []
    assert found == account


@pytest.mark.parametrize("state", STATES)
async def test_workers_under_load_stop_in_time_and_the_next_ones_go_on(
    settings: Settings, own_kafka: EmbeddedKafka, own_clickhouse: EmbeddedClickHouse, state: str
) -> None:
    seed = int(os.environ.get("SEED", random.randrange(10**6)))
    print(f"SEED={seed}")
    await ensure_topics(settings)
    await prepare_history(settings, asyncio.Event())
    topic = topics_of(settings).operations
    with crew(settings) as workers:
        for worker in workers:
            worker.start()
        await at_work(*workers)
        publishing = asyncio.create_task(publish(own_kafka.bootstrap, topic, events=EVENTS, seconds=SECONDS, seed=seed))
        await asyncio.sleep(1)
        with STATES[state](own_kafka, own_clickhouse):
            await asyncio.sleep(AWAY_SECONDS)
            complaints = await told_to_stop(workers)
        account = await publishing
        for worker in workers:
            worker.start()
        await nothing_is_lost(settings, account)
        complaints += await told_to_stop(workers)  # idle
    assert complaints == []


@pytest.mark.parametrize("state", ["all is well", "kafka is frozen", "clickhouse is frozen"])
async def test_workers_that_are_starting_stop_in_time(
    settings: Settings, own_kafka: EmbeddedKafka, own_clickhouse: EmbeddedClickHouse, state: str
) -> None:
    """In the middle of imports, of joining the group, of taking over: a worker more every second, all told at once.

    One that has not come to our code by then is ended by the signal itself.
    """
    await ensure_topics(settings)
    with contextlib.ExitStack() as stack:
        crews = [stack.enter_context(crew(settings)) for _ in range(4)]
        with STATES[state](own_kafka, own_clickhouse):
            for workers in crews:
                for worker in workers:
                    worker.start()
                await asyncio.sleep(1)
            everybody = [worker for workers in crews for worker in workers]
            complaints = await told_to_stop(everybody, (0, KILLED_BY_SIGTERM))
    assert complaints == []
