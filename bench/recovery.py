"""Measurement 2: kill -9 under load, and memory with an hour of windows.

An hour of event time is written as fast as possible, then live traffic follows. With every window full each worker is
killed and started again in place, under the same PIPELINE_WORKER_ID, and timed from the start of its process until it
has caught up: until the new process has committed as done everything that was on its topic a second before.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bench.child import Child, worker
from bench.events import EventMaker
from bench.figures import Figure
from bench.places import Place, Places, places
from bench.stage import Stage, until
from bench.writer import live_writing, write_span, writer
from pipeline.errors import FatalError
from pipeline.topic_admin import ensure_topics
from pipeline.topics import topics_of

PER_SECOND = 20_000
HISTORY_SECONDS = 3_600
LIVE_SECONDS = 60.0
_LAG_SECONDS = 1.0
_OPEN_MS = 60_000
_MEMORY_GOAL_MB = 500
_NO_OWNER = ""


@dataclass
class Chase:
    """One worker behind its topic: knows where the topic ended a second ago."""

    child: Child
    topic: str
    at: Places
    places: Callable[[], Awaitable[dict[int, Place]]]
    _ends: list[tuple[float, dict[int, int]]] = field(default_factory=list)

    async def owner(self) -> str:
        """Return the process that committed last on the first partition."""
        found = await self.places()
        return found[0].owner if 0 in found else _NO_OWNER

    async def caught_up(self, not_owner: str = _NO_OWNER) -> bool:
        """Whether commits of another process than `not_owner` cover what was there a second ago, everywhere."""
        self.child.assert_alive()
        now = time.monotonic()
        self._ends.append((now, await self.at.ends(self.topic)))
        before = [ends for at_s, ends in self._ends if at_s <= now - _LAG_SECONDS]
        if not before:
            return False
        found = await self.places()
        return all(
            number in found and found[number].owner != not_owner and found[number].position >= end
            for number, end in before[-1].items()
        )


async def measure(
    stage: Stage,
    *,
    records: int,
    series: int,
    per_second: float = PER_SECOND,
    history_seconds: int = HISTORY_SECONDS,
    live_seconds: float = LIVE_SECONDS,
) -> list[Figure]:
    """Fill the windows, run live, kill each worker once, and return the figures."""
    settings, topics = stage.settings, topics_of(stage.settings)
    await ensure_topics(settings)
    aggregator = worker("aggregator", settings, worker_id="bench-aggregator")
    evaluator = worker("evaluator", settings, worker_id="bench-evaluator")
    async with (
        places(settings) as at,
        writer(settings.kafka or "", topics.operations) as out,
        aggregator,
        evaluator,
    ):
        chases = [
            Chase(aggregator, topics.operations, at, at.aggregator),
            Chase(evaluator, topics.panes, at, at.evaluator),
        ]
        maker = EventMaker(series)
        stage.say(f"{history_seconds / 60:.0f} min of event time: {records:,} events")
        began = time.monotonic()
        now_ms = time.time_ns() // 1_000_000
        await write_span(out, maker, events=records, begin_ms=now_ms - history_seconds * 1000, end_ms=now_ms)
        async with live_writing(out, maker, per_second):
            stage.say(f"live: {per_second:,.0f} events/s")
            await until("the evaluator has closed the panes of the history", lambda: _has_closed(at, chases, now_ms))
            filled = time.monotonic() - began
            await asyncio.sleep(live_seconds)
            peaks = {chase.child.name: chase.child.timeline.peak_mb for chase in chases}
            recovered = {chase.child.name: await _killed(stage, chase) for chase in chases}
            after = {chase.child.name: chase.child.timeline.peak_mb for chase in chases}
        await out.flush()
        await _nothing_is_missing(at, aggregator, out.acked)
        closed = sum((await at.ends(topics.closed_panes)).values())
    minutes = f"{history_seconds / 60:.0f} min"
    return [
        Figure("recovery.history_events", f"events in {minutes} of event time, written at once", records, ""),
        Figure("recovery.history_seconds", "until aggregator and evaluator had taken them in", filled, "s"),
        Figure("recovery.closed_panes", "records of closed panes in the evaluator's table", closed, ""),
        Figure("recovery.live", "live traffic after it", per_second, "events/s"),
        *(
            Figure(
                f"memory.{name}", f"{name}: peak memory with {minutes} of windows", peak, "MB", None, _MEMORY_GOAL_MB
            )
            for name, peak in peaks.items()
        ),
        *(
            Figure(f"recovery.{name}", f"{name}: kill -9, from start to caught up", seconds, "s")
            for name, seconds in recovered.items()
        ),
        *(
            Figure(f"recovery.memory.{name}", f"{name}: peak memory after kill -9", peak, "MB", None, _MEMORY_GOAL_MB)
            for name, peak in after.items()
        ),
    ]


async def _has_closed(at: Places, chases: list[Chase], history_end_ms: int) -> bool:
    """Whether the table has the history's panes, but for the newest, which may still be corrected."""
    closed = [place.closed_ms for place in (await at.evaluator()).values()]
    caught_up = all([await chase.caught_up() for chase in chases])
    return caught_up and bool(closed) and min(closed) >= history_end_ms - _OPEN_MS  # none: nothing is committed yet


async def _killed(stage: Stage, chase: Chase) -> float:
    """Kill a worker, start it again, and return the seconds until it has caught up."""
    stage.say(f"kill -9 {chase.child.name}")
    before = await chase.owner()
    await chase.child.kill()
    chase.child.start()
    await until(f"the {chase.child.name} has caught up", lambda: chase.caught_up(before))
    return time.monotonic() - chase.child.started_s


async def _nothing_is_missing(at: Places, aggregator: Child, written: int) -> None:
    async def all_counted() -> bool:
        aggregator.assert_alive()
        return sum(place.done for place in (await at.aggregator()).values()) >= written

    await until(f"the aggregator has counted all of {written} events", all_counted)
    found = (await at.aggregator()).values()
    counted, uncounted = sum(place.done for place in found), sum(place.uncounted for place in found)
    if counted != written or uncounted:
        raise FatalError(f"{written} events were written; {counted} came through, {uncounted} late or refused")
