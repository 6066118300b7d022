"""A Kafka that is away is waited for, and is said to be away: once it is asked, and when it is back."""

from __future__ import annotations

import asyncio

import pytest

from pipeline.faust_ext import outage
from pipeline.faust_ext.outage import Outage


async def test_work_that_waits_for_kafka_is_waited_for_and_the_log_says_why(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outage, "ASK_SECONDS", 0.001)
    back, asked = asyncio.Event(), 0

    async def ask() -> str | None:
        nonlocal asked
        asked += 1
        if asked == 3:
            back.set()
        return "Connection refused"

    await Outage(ask).through(_none(back))
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0].startswith("Kafka does not answer for 0 s: Connection refused. The worker waits for it")
    assert lines[-1].startswith("Kafka answers again, after")
    assert asked == 3


async def test_work_that_takes_long_while_kafka_answers_is_no_outage(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outage, "ASK_SECONDS", 0.001)
    done = asyncio.Event()

    async def ask() -> str | None:
        done.set()
        return None

    await Outage(ask).through(_none(done))
    assert caplog.records == []


async def test_what_work_raises_is_raised_and_a_cancellation_reaches_it() -> None:
    async def breaks() -> None:
        raise RuntimeError("no")

    async def ask() -> str | None:
        return None

    with pytest.raises(RuntimeError, match="no"):
        await Outage(ask).through(breaks())
    work = asyncio.create_task(_none(asyncio.Event()))
    waiting = asyncio.create_task(Outage(ask).through(_awaited(work)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work


async def _none(event: asyncio.Event) -> None:
    await event.wait()


async def _awaited(task: asyncio.Task[None]) -> None:
    await task
