"""kill -9 of every worker in mid-stream: each event is in the panes, the windows and ClickHouse exactly once."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter

import pytest

from pipeline.lander.preparing import prepare_history
from pipeline.settings import Settings
from pipeline.topic_admin import ensure_topics
from pipeline.topics import topics_of
from tests.faults.history import RAW, SLOTS, history_account, wait_until_landed
from tests.faults.ledger import closed_account, panes_account, wait_until_counted, window_calls
from tests.faults.process import WorkerProcess
from tests.faults.traffic import PANE_MS, Account, publish

EVENTS = 200_000
SECONDS = 30.0

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(240)]


async def kill_each_three_times(workers: list[WorkerProcess], rng: random.Random) -> None:
    """Nine kills in `SECONDS`, in random order."""
    victims = workers * 3
    rng.shuffle(victims)
    for victim in victims:
        await asyncio.sleep(rng.uniform(0.8, 1.2) * SECONDS / (len(victims) + 1))
        victim.kill_and_restart()


def by_operation(account: Account) -> Counter[tuple[str, str]]:
    calls: Counter[tuple[str, str]] = Counter()
    for (_, service, operation), events in account.events.items():
        calls[service, operation] += events
    return calls


async def closed_like(kafka: str, topic: str, account: Account, seconds: float) -> None:
    """Wait until the closed panes are the account's, to the microsecond."""
    deadline = time.monotonic() + seconds
    while (found := await closed_account(kafka, topic)) != account:
        assert time.monotonic() < deadline, f"closed panes hold {found.total} events, the account {account.total}"
        await asyncio.sleep(2)


async def test_nine_kills_lose_nothing_and_count_nothing_twice(stack_settings: Settings, clickhouse: str) -> None:
    seed = int(os.environ.get("SEED", random.randrange(10**6)))
    print(f"SEED={seed}")
    settings = stack_settings.model_copy(update={"clickhouse": clickhouse, "database": stack_settings.namespace})
    await ensure_topics(settings)
    await prepare_history(settings, asyncio.Event())
    topics, kafka = topics_of(settings), settings.kafka or ""
    with (
        WorkerProcess("aggregator", settings, "aggregator-1") as aggregator,
        WorkerProcess("evaluator", settings, "evaluator-1") as evaluator,
        WorkerProcess("lander", settings) as lander,
    ):
        killing = asyncio.create_task(kill_each_three_times([aggregator, evaluator, lander], random.Random(seed)))
        account = await publish(kafka, topics.operations, events=EVENTS, seconds=SECONDS, seed=seed)
        await killing
        marks = await wait_until_counted(kafka, topics.panes, EVENTS, 60)
        await wait_until_landed(settings, EVENTS, 60)
        # Idle partitions' watermarks go on, so every pane closes and the last step on time covers everything.
        await closed_like(kafka, topics.closed_panes, account, 90)
    assert (sum(mark.operations for mark in marks.values()), sum(mark.late for mark in marks.values())) == (EVENTS, 0)
    found, complaints = await panes_account(kafka, topics.panes)
    assert complaints == []
    assert found == account
    assert history_account(settings, RAW) == account
    assert history_account(settings, SLOTS) == account
    step_end_ms, calls = await window_calls(kafka, topics.stats, "1h")
    assert calls, "no stats record was found"
    assert step_end_ms >= max(pane for pane, _, _ in account.events) + PANE_MS
    assert calls == by_operation(account)
