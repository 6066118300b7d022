"""One channel's task: takes what waits, sends it, and says how that went. A dead channel holds up nobody else."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol

from pipeline.core.notices.delivery import Delivery
from pipeline.core.notices.lane import Lane, Limits
from pipeline.core.notices.suppression import Why
from pipeline.notifier.attempt import Attempt, attempt
from pipeline.notifier.message import Channel

_LOOK_SECONDS = 0.2
_GRAINS = 1_000_000

log = logging.getLogger(__name__)


class ChannelLimits(Protocol):
    """What a channel's configuration says about how it is used."""

    @property
    def timeout_s(self) -> float:
        """Of one attempt."""
        ...

    @property
    def attempts(self) -> int:
        """Then a message is undelivered."""
        ...

    @property
    def per_minute(self) -> int:
        """Messages, at most."""
        ...


class Sender:
    """Sends the deliveries of one channel, one at a time.

    `report` writes down how an attempt went; the next one waits for that. `previous` gives what the provider called the
    last message of a delivery's group.
    """

    def __init__(
        self,
        channel: Channel,
        limits: ChannelLimits,
        report: Callable[[Delivery], Awaitable[None]],
        previous: Callable[[Delivery], str | None],
    ) -> None:
        self.lane = Lane(Limits(attempts=limits.attempts, per_minute=limits.per_minute))
        self._channel = channel
        self._timeout_s = limits.timeout_s
        self._report = report
        self._previous = previous
        self._woken = asyncio.Event()
        self._leaving = False
        self._was_limited = False

    def wake(self) -> None:
        """Look at once: there is something to send."""
        self._woken.set()

    def leave(self) -> None:
        """Begin no other attempt."""
        self._leaving = True
        self._woken.set()

    async def run(self) -> None:
        """Send until told to leave."""
        while not self._leaving:
            for old in self.lane.given_up(now_ms()):
                await self._report(old)
            delivery = self.lane.next(now_ms())
            self._note_limit()
            await asyncio.gather(*map(self._report, self.lane.newly_kept(now_ms())))
            if delivery is None:
                await self._wait()
            else:
                await self._report(await self._attempt(delivery))

    async def _wait(self) -> None:
        try:
            await asyncio.wait_for(self._woken.wait(), _LOOK_SECONDS)
        except TimeoutError:
            return
        self._woken.clear()

    async def _attempt(self, delivery: Delivery) -> Delivery:
        message = replace(delivery.notification, previous=self._previous(delivery))
        made = await attempt(self._channel, message, self._timeout_s)
        if not made.answer:
            log.info("told %s of %s (%s)", delivery.channel, message.title, delivery.key)
            return self.lane.delivered(delivery, now_ms(), made.reference)
        if made.permanent:
            return self.lane.refused(delivery, now_ms(), made.answer)
        return self._failed(delivery, made)

    def _failed(self, delivery: Delivery, made: Attempt) -> Delivery:
        jitter = secrets.randbelow(_GRAINS) / _GRAINS
        failed = self.lane.failed(delivery, now_ms(), made.answer, jitter, retry_after_ms=made.retry_after_ms)
        log.warning("%s was not taken by %s, attempt %d: %s", failed.key, failed.channel, failed.attempts, made.answer)
        return failed

    def _note_limit(self) -> None:
        if self.lane.limited and not self._was_limited:
            log.warning("%s: %s has had as many messages as it may in a minute", Why.RATE_LIMITED, self._channel.name)
        self._was_limited = self.lane.limited


def now_ms() -> int:
    """Return the time."""
    return time.time_ns() // 1_000_000
