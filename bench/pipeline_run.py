"""One run of our workers over a topic that is written: the aggregator alone, or the evaluator beside it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from bench.child import Child, worker
from bench.places import Place, Places, places
from bench.run import Run
from bench.stage import Stage, until
from bench.told import Told, told
from pipeline.errors import FatalError
from pipeline.topics import topics_of

_LOOK_SECONDS = 0.1
_MARKS_AFTER_THE_LAST = 2


@dataclass
class Passed:
    """Where the evaluator's commits stood over wall-clock time; it must have emitted the steps up to `steps_ms`."""

    steps_ms: int
    looks: list[tuple[float, dict[int, Place]]] = field(default_factory=list)

    async def watch(self, at: Places) -> None:
        """Look ten times a second until cancelled."""
        while True:
            self.looks.append((time.time() * 1000, await at.evaluator()))
            await asyncio.sleep(_LOOK_SECONDS)

    def has_passed(self, offsets: dict[int, int]) -> bool:
        """Whether the newest look is past these offsets in every partition."""
        return bool(self.looks) and self._is_past(self.looks[-1][1], offsets)

    def first_past(self, offsets: dict[int, int]) -> float:
        """Return when the evaluator was first seen past these offsets in every partition, in ms."""
        return next(at_ms for at_ms, found in self.looks if self._is_past(found, offsets))

    def _is_past(self, found: dict[int, Place], offsets: dict[int, int]) -> bool:
        return all(
            number in found and found[number].position > offset and found[number].emitted_ms >= self.steps_ms
            for number, offset in offsets.items()
        )


async def run_pipeline(stage: Stage, records: int, *, steps_ms: int | None) -> Run:
    """Run the aggregator over the whole topic, which it has not read yet, until it is done; return how it went.

    With `steps_ms` the evaluator runs beside it, until it has read everything and emitted every step up to then.
    """
    settings, panes = stage.settings, topics_of(stage.settings).panes
    passed = None if steps_ms is None else Passed(steps_ms)
    stage.say(f"aggregator{' and evaluator' if passed is not None else ''}: {records:,} events")
    async with AsyncExitStack() as stack:
        at = await stack.enter_async_context(places(settings))
        begins = await at.ends(panes)
        children = []
        if passed is not None:
            # First, and awaited: what it costs to start is none of the measurement's.
            children.append(await stack.enter_async_context(worker("evaluator", settings)))
            await until("the evaluator owns its shards", lambda: _owns_all(at, children[0], settings.partitions))
            await stack.enter_async_context(_watching(passed, at))
        children.append(await stack.enter_async_context(worker("aggregator", settings)))
        await _until_told(at, children, panes, records)
        if passed is not None:
            ends = {number: end - 1 for number, end in (await at.ends(panes)).items()}
            await until("the evaluator has read all panes", lambda: _has_passed(passed, children, ends))
    marks = await told(settings.kafka or "", panes, begins if passed is not None else {0: begins[0]})
    return _run(marks, children, records, passed)


async def _owns_all(at: Places, child: Child, partitions: int) -> bool:
    child.assert_alive()
    return len(await at.evaluator()) == partitions


@asynccontextmanager
async def _watching(passed: Passed, at: Places) -> AsyncIterator[None]:
    watching = asyncio.create_task(passed.watch(at))
    try:
        yield
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching


async def _has_passed(passed: Passed, children: list[Child], ends: dict[int, int]) -> bool:
    for child in children:
        child.assert_alive()
    return passed.has_passed(ends)


async def _until_told(at: Places, children: list[Child], panes: str, records: int) -> None:
    """Wait until every event is committed as counted, and the marks that say so are surely on the topic."""

    async def all_counted() -> bool:
        for child in children:
            child.assert_alive()
        return sum(place.done for place in (await at.aggregator()).values()) >= records

    await until(f"the aggregator has counted {records} events", all_counted)
    ends = await at.ends(panes)

    async def more_marks() -> bool:
        now = await at.ends(panes)
        return all(now[number] >= end + _MARKS_AFTER_THE_LAST for number, end in ends.items())

    await until("the aggregator has told its marks", more_marks)


def _run(marks: dict[int, list[Told]], children: list[Child], records: int, passed: Passed | None) -> Run:
    last = {number: next((one for one in found if one.events >= records), None) for number, found in marks.items()}
    if None in last.values() or any(one.uncounted for one in last.values() if one is not None):
        raise FatalError(f"not every one of {records} events was counted: {[found[-1] for found in marks.values()]}")
    first = next(one for one in marks[0] if one.events)
    end_ms = max(float(one.told_ms) for one in last.values() if one is not None)
    if passed is not None:
        end_ms = passed.first_past({number: one.offset for number, one in last.items() if one is not None})
    peaks = {child.name: child.timeline.peak_mb for child in children}
    begin_ms, before = float(first.told_ms), first.events
    if before == records:  # so few that the first marks have them all: all that can be said includes the start
        begin_ms, before = children[-1].timeline.at_ms[0], 0
    cpu = sum(child.timeline.cpu_at(end_ms) - child.timeline.cpu_at(begin_ms) for child in children)
    return Run(records - before, (end_ms - begin_ms) / 1000, cpu, peaks)
