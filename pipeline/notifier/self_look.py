"""Looks at the pipeline at an interval: how far each part has come, and what could not be used."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

import msgspec

from pipeline.core.notices.self_watch import Sighting, Standing
from pipeline.core.window_config import decode_state
from pipeline.notifier.sender import now_ms
from pipeline.progress import Progress, Reached, progress_of
from pipeline.settings import Settings
from pipeline.topics import topics_of

EVERY_SECONDS = 10.0
FRESH_MS = 60_000
"""A look that is older says nothing about now."""

log = logging.getLogger(__name__)


class SelfLook:
    """Keeps the newest look. One that fails is said and done again: the notices must not wait for it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._newest: Sighting | None = None
        self._taken_ms = 0

    @property
    def is_fresh(self) -> bool:
        """Whether Kafka told a short while ago how far everybody is."""
        return self._newest is not None and now_ms() - self._newest.at_ms < FRESH_MS

    def take(self) -> Sighting | None:
        """Return the newest look, each once."""
        if self._newest is None or self._newest.at_ms <= self._taken_ms:
            return None
        self._taken_ms = self._newest.at_ms
        return self._newest

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                async with progress_of(self._settings) as progress:
                    while True:
                        self._newest = await self._look(progress)
                        await asyncio.sleep(EVERY_SECONDS)
            except Exception as error:  # noqa: BLE001 - whatever it is, people are told of alerts; without looks no heart beats
                log.warning("the pipeline can't be looked at, trying again: %r", error)
            await asyncio.sleep(EVERY_SECONDS)

    async def _look(self, progress: Progress) -> Sighting:
        reached = await progress.look()
        dead = await progress.ends((topics_of(self._settings).dead,))
        prefix = f"{self._settings.namespace}." if self._settings.namespace else ""
        standing = (
            Standing(
                part=one.group.removeprefix(f"{prefix}pipeline-"),
                place=f"{one.topic}-{one.partition}",
                position=one.position,
                end=one.end,
            )
            for one in reached
        )
        return Sighting(
            at_ms=now_ms(),
            standing=tuple(standing),
            watermark_ms=_watermark_ms(reached),
            dead_letters=sum(dead.values()),
        )


def _watermark_ms(reached: Iterable[Reached]) -> int | None:
    """Return up to where every shard has been evaluated, as far as that is known."""
    found = []
    for one in reached:
        try:
            emitted_ms = decode_state(one.engine).emitted_ms if one.engine else None
        except msgspec.DecodeError:  # of a later release
            emitted_ms = None
        if emitted_ms is not None:
            found.append(emitted_ms)
    return min(found, default=None)
