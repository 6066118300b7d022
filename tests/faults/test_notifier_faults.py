"""The notifier when Kafka goes away, and when it sleeps while another takes over: told once, and told to the end."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from pipeline.embedded.kafka import EmbeddedKafka
from pipeline.notifier.journal import read_book
from pipeline.settings import Settings
from pipeline.topic_admin import ensure_topics
from tests.faults.own_servers import dead, frozen, own_kafka
from tests.faults.process import WorkerProcess, at_work
from tests.stack.receiver import Receiver
from tests.stack.test_notifier import hook, tell, until, written

__all__ = ["hook", "own_kafka"]

pytestmark = [pytest.mark.stack, pytest.mark.slow]

Outage = Callable[[EmbeddedKafka], AbstractContextManager[None]]


@pytest.mark.parametrize("outage", [dead, frozen])
async def test_an_outage_of_kafka_costs_no_notice_and_brings_none_twice(
    own_kafka: EmbeddedKafka, hook: Receiver, outage: Outage, tmp_path: Path
) -> None:
    settings = Settings(kafka=own_kafka.bootstrap, partitions=2, home=tmp_path)
    await ensure_topics(settings)
    settings = written(settings, hook=hook)
    with WorkerProcess("notifier", settings, "one") as worker:
        await at_work(worker)
        await tell(settings, "a1", service="a1")
        await until(hook.told, ["firing a1"])
        hook.free.clear()
        await tell(settings, "a2", service="a2")
        await until(lambda: len(hook.asked), 2)
        with outage(own_kafka):
            hook.free.set()  # it is taken while nobody can note that
            await asyncio.sleep(15)
        await tell(settings, "a1", 2, service="a1", state="resolved", previous_state="firing")
        await until(lambda: sorted({*hook.told()}), ["firing a1", "firing a2", "resolved a1"], seconds=120)
        assert worker.alive
    assert len({*hook.keys()}) == 3


async def noted(settings: Settings) -> None:
    """Wait until what was sent is noted as sent: who dies before that sends it again."""
    for _ in range(200):
        deliveries = (await read_book(settings)).deliveries.values()
        if all(one.state == "delivered" for one in deliveries):
            return
        await asyncio.sleep(0.1)
    pytest.fail("it was never noted")


async def test_a_notifier_that_slept_while_another_took_over_tells_nothing_more(
    own_kafka: EmbeddedKafka, hook: Receiver, tmp_path: Path
) -> None:
    settings = Settings(kafka=own_kafka.bootstrap, partitions=2, home=tmp_path)
    await ensure_topics(settings)
    settings = written(settings, hook=hook)
    with WorkerProcess("notifier", settings, "first") as first:
        await at_work(first)
        await tell(settings, "a1", service="a1")
        await until(hook.told, ["firing a1"])
        await noted(settings)
        os.kill(first.pid, signal.SIGSTOP)
        await tell(settings, "a2", service="a2")
        with WorkerProcess("notifier", settings, "second") as second:
            await at_work(second)
            await until(lambda: sorted({*hook.told()}), ["firing a1", "firing a2"])
            os.kill(first.pid, signal.SIGCONT)
            await tell(settings, "a1", 2, service="a1", state="resolved", previous_state="firing")
            await until(lambda: sorted({*hook.told()}), ["firing a1", "firing a2", "resolved a1"])
            await asyncio.sleep(15)
            assert first.alive
    assert len({*hook.keys()}) == len(hook.told()) == 3
