"""Tells a Kafka that is away from a worker that is stuck: only the second is a reason to leave."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

ASK_SECONDS = 10.0
"""What has not returned for so long may be waiting for Kafka."""

Ask = Callable[[], Awaitable[str | None]]
"""Returns why Kafka does not answer; None when it does."""


class Outage:
    """Asks whether Kafka answers, and says so when it does not and when it is back."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._since_s: float | None = None

    async def is_on(self, since_s: float | None = None) -> bool:
        """Return whether Kafka is away now: then nothing can move, and nothing is stuck. Takes up to 10 s.

        `since_s`: from when on the caller has waited for it, on the loop's clock.
        """
        now_s, reason = asyncio.get_running_loop().time(), await self._ask()
        if reason is None:
            self._over(now_s)
            return False
        if self._since_s is None:
            self._since_s = now_s if since_s is None else since_s
        log.warning(
            "Kafka does not answer for %.0f s: %s. The worker waits for it and goes on where it stands.",
            *(now_s - self._since_s, reason),
        )
        return True

    async def through(self, work: Awaitable[None]) -> None:
        """Wait for work however long Kafka is away, and say what it waits for. Cancelled, it cancels the work."""
        task, began_s = asyncio.ensure_future(work), asyncio.get_running_loop().time()
        try:
            while not (await asyncio.wait({task}, timeout=ASK_SECONDS))[0]:
                await self.is_on(began_s)
        finally:
            task.cancel()
        self._over(asyncio.get_running_loop().time())
        task.result()

    def _over(self, now_s: float) -> None:
        if self._since_s is not None:
            log.warning("Kafka answers again, after %.0f s", now_s - self._since_s)
            self._since_s = None
