"""Runs the demo on a stack that is up: publishes, watches, and reckons at the end."""

from __future__ import annotations

import asyncio
import time

import msgspec
from rich.console import Console
from rich.live import Live

from pipeline.cli.reckoning import Reckoning, Totals, lag, reckoning, settled
from pipeline.cli.topic_reader import as_read, go_to_end, reader
from pipeline.demo.chat import Chat
from pipeline.demo.picture import Picture
from pipeline.demo.plain import EVERY_SECONDS, print_alert, print_line
from pipeline.demo.producer import DemoProducers
from pipeline.demo.view import Counts, Header, Scene, screen
from pipeline.lander.preparing import prepare_history
from pipeline.progress import Progress, counted, progress_of
from pipeline.settings import Settings
from pipeline.topics import topics_of
from pipeline.up.notices import Notices

_FRAME_SECONDS = 0.5
_LOOK_SECONDS = 1.0
_BASELINE_SECONDS = 10.0
_SETTLE_SECONDS = 30.0


class Outcome(msgspec.Struct, frozen=True):
    """How a demo ended."""

    reckoning: Reckoning
    fired: int
    resolved: int
    unknown: int  # events whose fate Kafka did not tell


class Show:
    """One run of the demo, shown on `console`: as a screen on a terminal, else as lines."""

    def __init__(
        self, settings: Settings, window: str, per_second: float, console: Console, notices: Notices, chat: Chat
    ) -> None:
        self.producers = DemoProducers(settings, per_second)
        self.picture = Picture(topics_of(settings), settings.windows[0])
        self.counts = Counts()
        self._settings = settings
        self._window = window
        self._console = console
        self._notices = notices
        self._chat = chat
        self._before = Totals()
        self._stop = asyncio.Event()

    async def run(self, header: Header, seconds: float | None) -> Outcome:
        """Publish and show until `seconds` have gone by, then reckon. Without `seconds`: until cancelled."""
        async with progress_of(self._settings) as progress:
            self._before = await self._baseline(progress)
            async with asyncio.TaskGroup() as group:
                publishing = group.create_task(self.producers.run(self._stop))
                others = [group.create_task(self._watch()), group.create_task(self._look(progress))]
                showing = group.create_task(self._live(header) if self._console.is_terminal else self._plain())
                try:
                    await _pause(seconds)
                finally:
                    self._stop.set()
                    showing.cancel()
                await publishing
                outcome = await self._settle(progress)
                for task in others:
                    task.cancel()
            return outcome

    async def _baseline(self, progress: Progress) -> Totals:
        """What was counted before this run, once the workers have read what an earlier one left."""
        self._notices.tell("Waiting for the workers …")
        await prepare_history(self._settings, asyncio.Event())  # one that is named may have no tables yet
        return await settled(self._settings, progress, _accounted, _BASELINE_SECONDS)

    async def _settle(self, progress: Progress) -> Outcome:
        self._notices.tell("The producers have stopped. Waiting until everything is counted and in ClickHouse …")
        published = self.producers.acknowledged
        expected = _accounted(self._before) + published
        now = await settled(self._settings, progress, lambda _: expected, _SETTLE_SECONDS)
        result = reckoning(published, now, self._before)
        return Outcome(result, self.picture.fired, self.picture.resolved, self.producers.unknown)

    async def _watch(self) -> None:
        """Keep the picture up to date."""
        topics = topics_of(self._settings)
        async with reader(self._settings, topics.live, topics.stats, topics.alerts) as consumer:
            await go_to_end(consumer)
            async for record in consumer:
                for alert in self.picture.add(as_read(record)):
                    if not self._console.is_terminal:
                        print_alert(alert, self._console)

    async def _look(self, progress: Progress) -> None:
        """Keep the counts up to date."""
        while True:
            reached = await progress.look()
            total, before = counted(reached), self._before.counted
            self.counts.counted = total.operations + total.errors - before.operations - before.errors
            self.counts.late, self.counts.dead = total.late - before.late, total.dead - before.dead
            self.counts.lag_records = lag(reached)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _live(self, header: Header) -> None:
        begin_s = time.monotonic()
        with self._notices.held(), Live(console=self._console, screen=True, auto_refresh=False) as live:
            while True:
                self.counts.acknowledged = self.producers.acknowledged
                elapsed_s = time.monotonic() - begin_s
                scene = Scene(self.picture, self.counts, self._window, elapsed_s, self._notices, self._chat.lines)
                live.update(screen(scene, header, self._console), refresh=True)
                await asyncio.sleep(_FRAME_SECONDS)

    async def _plain(self) -> None:
        begin_s = time.monotonic()
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            self.counts.acknowledged = self.producers.acknowledged
            print_line(self.picture, self.counts, self._window, time.monotonic() - begin_s, self._console)


async def _pause(seconds: float | None) -> None:
    """Wait so long; for ever for None."""
    if seconds is None:
        await asyncio.Event().wait()
    else:
        await asyncio.sleep(seconds)


def _accounted(totals: Totals) -> int:
    return totals.counted.events
