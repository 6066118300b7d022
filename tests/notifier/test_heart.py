"""The heartbeat against a real receiver: it beats while all is well, and its absence says that it is not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from pipeline.notifier.channels.config import WebhookConfig
from pipeline.notifier.channels.webhook import WebhookChannel
from pipeline.notifier.heart import Heart
from tests.stack.receiver import receiver


async def until(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not look():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


class Health:
    """Whether all is well; counts how often it was asked for."""

    def __init__(self) -> None:
        self.well, self.asked, self.wrong = True, 0, list[str]()

    def __call__(self) -> bool:
        self.asked += 1
        return self.well


async def test_it_beats_again_and_again_says_what_is_wrong_and_stops_while_nothing_is_known() -> None:
    async with receiver() as dead_mans_switch:
        channel = WebhookChannel(WebhookConfig(name="deadman", url=dead_mans_switch.url))
        health = Health()
        beating = asyncio.create_task(Heart(channel, 5, 50, health, lambda: health.wrong).run())
        try:
            await until(lambda: len(dead_mans_switch.taken) >= 3)
            health.wrong = ["pipeline-lag: the lander has 200,000 records to read"]
            await until(lambda: "200,000" in dead_mans_switch.taken[-1]["text"])
            health.well = False
            asked = health.asked
            await until(lambda: health.asked >= asked + 2)  # what was on its way is there
            beats, asked = len(dead_mans_switch.asked), health.asked
            await until(lambda: health.asked >= asked + 4)
            assert len(dead_mans_switch.asked) == beats
            health.well = True
            await until(lambda: len(dead_mans_switch.asked) > beats)
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)
            await channel.close()
    first = dead_mans_switch.taken[0]
    assert (first["kind"], first["severity"], first["alerts"]) == ("heartbeat", "info", [])
    assert first["text"] == "Nothing is wrong with the pipeline."
    assert len(set(dead_mans_switch.keys())) == len(dead_mans_switch.taken)


async def test_a_receiver_that_fails_stops_no_heart() -> None:
    async with receiver() as dead_mans_switch:
        dead_mans_switch.status = 500
        channel = WebhookChannel(WebhookConfig(name="deadman", url=dead_mans_switch.url))
        beating = asyncio.create_task(Heart(channel, 5, 50, Health(), list).run())
        try:
            await until(lambda: len(dead_mans_switch.asked) >= 2)
            dead_mans_switch.status = 200
            await until(lambda: len(dead_mans_switch.taken) >= 1)
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)
            await channel.close()
