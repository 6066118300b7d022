"""The heartbeat: a message at an interval by whose absence an outside watcher sees that nobody would be told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from secrets import token_hex

from pipeline.core.notices.notification import Notification
from pipeline.notifier.attempt import attempt
from pipeline.notifier.message import Channel

_LOOK_SECONDS, _SHORTEST_SECONDS = 0.5, 0.05
GROUP = "heartbeat"

log = logging.getLogger(__name__)


class Heart:
    """Beats while `is_well` says so. A beat is neither written down nor tried again: the next one comes soon.

    `firing` gives what is wrong with the pipeline itself just now; it is told in the beat, and stops none.
    """

    def __init__(
        self,
        channel: Channel,
        timeout_s: float,
        every_ms: int,
        is_well: Callable[[], bool],
        firing: Callable[[], list[str]],
    ) -> None:
        self._channel = channel
        self._timeout_s = timeout_s
        self._every_ms = every_ms
        self._is_well = is_well
        self._firing = firing

    async def run(self) -> None:
        """Beat until cancelled."""
        loop = asyncio.get_running_loop()
        next_s = loop.time()
        while True:
            if self._is_well() and loop.time() >= next_s:
                next_s = loop.time() + self._every_ms / 1_000
                await self._beat()
            await asyncio.sleep(min(max(next_s - loop.time(), _SHORTEST_SECONDS), _LOOK_SECONDS))

    async def _beat(self) -> None:
        made = await attempt(self._channel, heartbeat(self._firing()), self._timeout_s)
        if made.answer:
            log.warning("the heartbeat was not taken by %s: %s", self._channel.name, made.answer)


def heartbeat(firing: list[str]) -> Notification:
    """Return one beat."""
    text = f"Wrong with the pipeline itself: {'; '.join(firing)}" if firing else "Nothing is wrong with the pipeline."
    title = "The notifier works"
    return Notification(key=token_hex(8), group=GROUP, kind="heartbeat", severity="info", title=title, text=text)
