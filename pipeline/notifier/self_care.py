"""The notifier's care for the pipeline itself: alerts of its own, and the heartbeat."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from pipeline.core.notices.book import Book
from pipeline.core.notices.self_watch import SelfWatch, firing_of, given_up
from pipeline.notifier.channels.making import make_channel
from pipeline.notifier.heart import Heart
from pipeline.notifier.notifications_file import Notifications
from pipeline.notifier.self_look import FRESH_MS, SelfLook
from pipeline.notifier.sender import now_ms
from pipeline.settings import Settings
from schemas.structs import Alert


class SelfCare:
    """Looks, judges and beats while its notifier owns the alerts."""

    def __init__(self, settings: Settings, notifications: Notifications, book: Book) -> None:
        self._book = book
        self._look = SelfLook(settings)
        self._watch = None if notifications.watch is None else SelfWatch(notifications.watch)
        self._stepped_ms = 0
        self._notifications = notifications

    def judge(self) -> list[Alert]:
        """Return what changes about the pipeline's own alerts; to be called at every step of the notifier."""
        self._stepped_ms = now_ms()
        seen = self._look.take()
        if seen is None or self._watch is None:
            return []
        lost = given_up(self._book.deliveries.values(), seen.at_ms)
        return self._watch.look(replace(seen, undelivered=lost), firing_of(self._own()))

    async def run(self) -> None:
        """Look, and beat if a channel is named, until cancelled."""
        config = self._notifications.heartbeat
        if config is None:
            if self._watch is not None:
                await self._look.run()
            return
        told = next(one for one in self._notifications.channels if one.name == config.channel)
        channel = make_channel(told)  # not the one for notices: a channel sends one message at a time
        heart = Heart(channel, told.timeout_s, config.every_ms, self._is_well, self._wrong)
        try:
            await asyncio.gather(self._look.run(), heart.run())
        finally:
            await channel.close()

    def _is_well(self) -> bool:
        return self._look.is_fresh and now_ms() - self._stepped_ms < FRESH_MS

    def _wrong(self) -> list[str]:
        return [alert.summary for alert in firing_of(self._own()).values()]

    def _own(self) -> Sequence[Alert]:
        return [known.alert for known in self._book.alerts.values()]
