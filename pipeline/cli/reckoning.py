"""The reckoning: what was published against what was counted, what was late or dead, and what lies in ClickHouse."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import msgspec

from pipeline.cli.history import history
from pipeline.progress import Counted, Progress, Reached, counted
from pipeline.settings import Settings

_POLL_SECONDS = 0.5


class Stored(msgspec.Struct, frozen=True):
    """What lies in ClickHouse: events in slots, raw rows, and events whose row it would not take."""

    in_slots: int = 0
    rows: int = 0
    landing: int = 0


class Totals(msgspec.Struct, frozen=True):
    """Both sides at one moment, over everything that this pipeline has ever seen."""

    counted: Counted = Counted()
    stored: Stored = Stored()


class Reckoning(msgspec.Struct, frozen=True):
    """Where `published` events are now."""

    published: int
    operations: int
    errors: int
    late: int
    dead: int
    in_slots: int
    rows: int
    landing: int

    @property
    def in_panes(self) -> int:
        """Events that were counted in panes."""
        return self.operations + self.errors

    def differences(self) -> dict[str, int]:
        """Return each equation that has to hold, with what is missing (or, negative, too much) on its right side."""
        return {
            "published = counted in panes + late + dead": self.published - self.in_panes - self.late - self.dead,
            "counted in panes = events in ClickHouse's slots": self.in_panes - self.in_slots,
            "published = rows in ClickHouse + dead": self.published - self.rows - self.dead - self.landing,
        }

    @property
    def holds(self) -> bool:
        """Whether every equation holds."""
        return not any(self.differences().values())


def reckoning(published: int, now: Totals, before: Totals | None = None) -> Reckoning:
    """Return the reckoning of what happened after `before`: since the first offset where there is none."""
    start = before or Totals()
    return Reckoning(
        published=published,
        operations=now.counted.operations - start.counted.operations,
        errors=now.counted.errors - start.counted.errors,
        late=now.counted.late - start.counted.late,
        dead=now.counted.dead - start.counted.dead,
        in_slots=now.stored.in_slots - start.stored.in_slots,
        rows=now.stored.rows - start.stored.rows,
        landing=now.stored.landing - start.stored.landing,
    )


async def totals(settings: Settings, progress: Progress) -> Totals:
    """Return both sides as they are now."""
    reached = await progress.look()
    return Totals(counted(reached), await asyncio.to_thread(_stored, settings))


async def settled(
    settings: Settings, progress: Progress, published: Callable[[Totals], int], limit_seconds: float
) -> Totals:
    """Wait until everything on ``events.*`` was read and counted and has landed; return both sides.

    `published` says how many events there should be, given the totals. Gives up when nothing has changed for
    `limit_seconds`, and returns what there is.
    """
    before, changed_s = Totals(), time.monotonic()
    while True:
        now = await totals(settings, progress)
        if await _is_read(progress) and reckoning(published(now), now).holds:
            return now
        if now != before:
            before, changed_s = now, time.monotonic()
        elif time.monotonic() - changed_s > limit_seconds:
            return now
        await asyncio.sleep(_POLL_SECONDS)


async def _is_read(progress: Progress) -> bool:
    """Whether the aggregators stand at the end of every source partition."""
    positions = {
        (one.topic, one.partition): one.position for one in await progress.look() if one.group == progress.aggregators
    }
    return all(end == 0 or positions.get(place, 0) >= end for place, end in (await progress.ends()).items())


def _stored(settings: Settings) -> Stored:
    with history(settings) as client:
        in_slots, rows = client.query("SELECT sum(in_slots), sum(in_raw) FROM reckoning").result_rows[0]
        unlanded = "SELECT count() FROM dead_letters WHERE reason = 'landing' AND state != 'landed'"
        landing = client.query(unlanded).result_rows[0][0]
    return Stored(in_slots=int(in_slots), rows=int(rows), landing=int(landing))


def lag(reached: list[Reached]) -> int:
    """Return how many records are not read yet, over all groups."""
    return sum(one.lag for one in reached)
