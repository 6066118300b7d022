"""The notifier on a real Kafka with real receivers: nobody is told twice, nobody is forgotten, whoever is killed."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.undelivered import undelivered_now
from pipeline.core.notices import ordering
from pipeline.core.notices.matching import Matcher
from pipeline.core.notices.orders import Resend
from pipeline.errors import FatalError
from pipeline.notifier.ordering import write_orders
from pipeline.notifier.service import run_notifier
from pipeline.settings import Settings
from pipeline.topic_admin import ensure_topics
from pipeline.topics import topics_of
from schemas import structs
from tests.contracts.told_records import alert
from tests.faults.process import WorkerProcess, at_work
from tests.stack.lander_runs import publish
from tests.stack.receiver import Receiver, receiver

pytestmark = pytest.mark.stack

HOUR_MS = 3_600_000
FILE = """\
channels:
{channels}
routes:
  - name: all
    channels: [{names}]
    group_by: [service]
    critical_wait: 200ms
    group_wait: 200ms
    group_interval: 500ms
watch: false
"""


def written(settings: Settings, attempts: int = 20, **receivers: Receiver) -> Settings:
    """Return the settings with a notifications file of these receivers."""
    line = "  - {{name: {name}, type: webhook, url: '{url}', attempts: {attempts}, timeout_s: 5, per_minute: 6000}}"
    lines = [line.format(name=name, url=one.url, attempts=attempts) for name, one in receivers.items()]
    path = Path(settings.home) / "notifications.yaml"
    path.write_text(FILE.format(channels="\n".join(lines), names=", ".join(receivers)))
    return settings.model_copy(update={"notifications": path})


async def tell(settings: Settings, alert_id: str, sequence: int = 1, *, age_ms: int = 0, **fields: Any) -> None:
    """Put a transition on the topic."""
    fields = {"step_end_ms": time.time_ns() // 1_000_000 - age_ms, "series": f"prod/{alert_id}", **fields}
    told = alert(sequence, alert_id=alert_id, **fields)
    await publish(settings, topics_of(settings).alerts, [structs.encode(told)])


async def until(look: Callable[[], object], expected: object, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while (seen := look()) != expected:
        assert time.monotonic() < deadline, f"saw {seen!r}, expected {expected!r}"
        await asyncio.sleep(0.05)


@asynccontextmanager
async def notifier(settings: Settings) -> AsyncIterator[asyncio.Task[None]]:
    """Run a notifier in this process until the block ends; its errors come out here."""
    stop = asyncio.Event()
    task = asyncio.create_task(run_notifier(settings, stop))
    try:
        yield task
    finally:
        stop.set()
        await task


@pytest.fixture
async def hook() -> AsyncIterator[Receiver]:
    async with receiver() as found:
        yield found


@pytest.fixture
async def other() -> AsyncIterator[Receiver]:
    async with receiver() as found:
        yield found


@pytest.fixture
async def place(stack_settings: Settings) -> Settings:
    settings = stack_settings.model_copy(update={"partitions": 2})
    await ensure_topics(settings)
    return settings


async def test_people_are_told_that_an_alert_fires_and_that_it_is_over(place: Settings, hook: Receiver) -> None:
    settings = written(place, hook=hook)
    async with notifier(settings):
        await tell(settings, "a1")
        await until(hook.told, ["firing a1"])
        await tell(settings, "a1", 2, state="resolved", previous_state="firing")
        await until(hook.told, ["firing a1", "resolved a1"])
    first, last = hook.taken
    assert first["group"] == last["group"]
    assert first["key"] != last["key"]


async def test_history_that_is_replayed_pages_nobody(place: Settings, hook: Receiver) -> None:
    settings = written(place, hook=hook)
    await tell(settings, "old", age_ms=2 * HOUR_MS, service="old")
    await tell(settings, "over", service="over")
    await tell(settings, "over", 2, service="over", state="resolved", previous_state="firing")
    async with notifier(settings):
        await tell(settings, "new", service="new")
        await until(hook.told, ["firing new"])
        await asyncio.sleep(1)
    assert hook.told() == ["firing new"]


async def test_a_notice_whose_sender_was_killed_is_sent_again_under_the_same_key(
    place: Settings, hook: Receiver
) -> None:
    settings = written(place, hook=hook)
    hook.free.clear()
    with WorkerProcess("notifier", settings, "one") as worker:
        await at_work(worker)
        await tell(settings, "a1")
        await until(lambda: len(hook.asked), 1)
        worker.kill()
        hook.free.set()
        worker.start()
        await until(lambda: len(hook.asked), 2)
        await tell(settings, "a1", 2, state="resolved", previous_state="firing")
        await until(lambda: hook.told()[-1:], ["resolved a1"])
    assert {one["key"] for one in hook.asked if one["kind"] == "firing"} == {hook.asked[0]["key"]}


async def test_whenever_it_is_killed_nobody_is_forgotten_and_nobody_told_twice(place: Settings, hook: Receiver) -> None:
    settings = written(place, hook=hook)
    names = [f"a{number:02}" for number in range(30)]
    with WorkerProcess("notifier", settings, "one") as worker:
        await at_work(worker)
        for number, name in enumerate(names):
            await tell(settings, name, service=name)
            if number % 6 == 5:
                await asyncio.sleep(0.1 * (number // 6))
                worker.kill_and_restart()
        await until(lambda: sorted({one["alerts"][0]["alert_id"] for one in hook.taken}), names, seconds=120)
        for name in names:
            await tell(settings, name, 2, service=name, state="resolved", previous_state="firing")
        worker.kill_and_restart()
        over = [f"resolved {name}" for name in names]
        await until(lambda: sorted({line for line in hook.told() if line.startswith("resolved")}), over, seconds=120)
    keys = {(line, key) for line, key in zip(hook.told(), hook.keys(), strict=True)}
    assert sorted(line for line, _ in keys) == sorted([*(f"firing {name}" for name in names), *over])


async def test_a_dead_channel_holds_up_no_other_and_what_it_missed_can_be_sent_again(
    place: Settings, hook: Receiver, other: Receiver
) -> None:
    settings = written(place, attempts=2, dead=other, live=hook)
    await other.stop()
    async with notifier(settings):
        await tell(settings, "a1")
        await until(hook.told, ["firing a1"], seconds=20)

        async def missed() -> list[str]:
            return [f"{one.channel} {one.attempts}" for one in await undelivered_now(settings)]

        for _ in range(200):
            if await missed() == ["dead 2"]:
                break
            await asyncio.sleep(0.1)
        (delivery,) = await undelivered_now(settings)
        await other.start()
        at_ms = time.time_ns() // 1_000_000
        await write_orders(settings, [Resend(key=delivery.key, author="ann", requested_ms=at_ms)])
        await until(other.told, ["firing a1"])
        assert other.keys() == [delivery.key]
    assert hook.told() == ["firing a1"]
    assert await undelivered_now(settings) == []


async def test_what_is_to_be_sent_again_is_so_when_that_was_asked_while_no_notifier_ran(
    place: Settings, hook: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    settings = written(place, attempts=1, hook=hook)
    await hook.stop()
    async with notifier(settings):
        await tell(settings, "a1")
        await until(lambda: "UNDELIVERED: " in caplog.text, expected=True)
    missed = await undelivered_now(settings)
    assert f"UNDELIVERED: {missed[0].key} on hook after 1 attempts: 127.0.0.1 can't be reached" in caplog.text
    await hook.start()
    at_ms = time.time_ns() // 1_000_000
    await write_orders(settings, [Resend(key=missed[0].key, author="ann", requested_ms=at_ms)])
    async with notifier(settings):
        await until(hook.told, ["firing a1"], seconds=20)


async def test_a_silence_holds_while_it_runs_and_for_its_alerts_alone(place: Settings, hook: Receiver) -> None:
    settings = written(place, hook=hook)
    at_ms = time.time_ns() // 1_000_000
    quiet = ordering.silence(
        "s1", (Matcher("service", ("loud",)),), (at_ms, at_ms + HOUR_MS), author="ann", comment="", now_ms=at_ms
    )
    await write_orders(settings, [quiet])
    async with notifier(settings):
        await tell(settings, "a1", service="loud")
        await tell(settings, "a2", service="other")
        await until(hook.told, ["firing a2"])
        await asyncio.sleep(1)
        await write_orders(settings, [ordering.ended(quiet, by="ann", now_ms=time.time_ns() // 1_000_000)])
        await until(hook.told, ["firing a2", "firing a1"])


async def test_of_two_notifiers_one_works_and_the_other_takes_over(place: Settings, hook: Receiver) -> None:
    settings = written(place, hook=hook)
    with WorkerProcess("notifier", settings, "first") as first:
        await at_work(first)
        with WorkerProcess("notifier", settings, "second") as second:
            await tell(settings, "a1", service="a1")
            await until(hook.told, ["firing a1"])
            await asyncio.sleep(3)
            assert "notifying of" not in second.log.read_text()
            first.kill()
            await tell(settings, "a2", service="a2")
            await until(hook.told, ["firing a1", "firing a2"])
            assert "notifying of" in second.log.read_text()


async def test_it_stops_in_order_within_its_time_while_a_receiver_hangs(place: Settings, hook: Receiver) -> None:
    settings = written(place, hook=hook)
    hook.free.clear()
    with WorkerProcess("notifier", settings, "one") as worker:
        await at_work(worker)
        await tell(settings, "a1")
        await until(lambda: len(hook.asked), 1)
        began_s = time.monotonic()
        await asyncio.to_thread(worker.stop)
        assert time.monotonic() - began_s < settings.stop_seconds
        assert worker.exit_code == 0


async def test_without_a_file_it_says_that_there_is_nobody_to_tell(place: Settings) -> None:
    with pytest.raises(FatalError, match="no channels to notify: PIPELINE_NOTIFICATIONS names no file"):
        await run_notifier(place, asyncio.Event())


async def command(settings: Settings, *words: str) -> str:
    """Run a command of `pipeline`, and return what it says; it must succeed."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pipeline.cli.main", *words),
        env={
            **os.environ,
            "PIPELINE_HOME": str(settings.home),
            "PIPELINE_KAFKA": settings.kafka or "",
            "PIPELINE_NAMESPACE": settings.namespace,
            "PIPELINE_PARTITIONS": str(settings.partitions),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await child.communicate()
    assert child.returncode == 0, said.decode()
    return said.decode()


async def test_silences_and_acknowledgements_are_made_listed_and_ended_by_commands(place: Settings) -> None:
    made = await command(place, "silence", "add", "--match", "service=pay|cart", "--for", "2h", "--by", "ann")
    name = made.split()[1].rstrip(":")
    assert "service=pay|cart" in await command(place, "silence", "list")
    await command(place, "silence", "end", name, "--by", "bob")
    assert await command(place, "silence", "list") == "There are no silences.\n"
    (ended,) = json.loads(await command(place, "silence", "list", "--all", "--json"))
    assert [(one["by"], one["action"]) for one in ended["audit"]] == [("ann", "added"), ("bob", "ended")]
    said = await command(place, "ack", "a1", "--for", "1h", "--by", "ann", "--comment", "mine")
    assert "No alert that is active has this id, and no group" in said
    assert "mine" in await command(place, "ack")
    await command(place, "ack", "a1", "--end", "--by", "ann")
    assert await command(place, "ack") == "Nothing is acknowledged.\n"
