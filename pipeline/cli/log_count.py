"""Counts the events that lie in Kafka, by reading them: an account that owes nothing to the workers' own counters."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from pipeline.cli.topic_reader import between, reader
from pipeline.decode.json_text import elements_of, record_problem
from pipeline.settings import Settings
from pipeline.topics import topics_of

_TOLD_EVERY = 5_000


class InLog(msgspec.Struct, frozen=True):
    """`events` and `records` on ``events.*``; `whole`: the first record of each partition is still there."""

    events: int
    records: int
    whole: bool


async def count_log(settings: Settings, tell: Callable[[int], None]) -> InLog:
    """Read every topic of events to its present end. Costs the whole log, about 100,000 records a second.

    `tell` is called with the number of records now and then.
    """
    events = records = 0
    async with reader(settings, *topics_of(settings).events()) as consumer:
        begin = await consumer.beginning_offsets(list(consumer.assignment()))
        end = await consumer.end_offsets(list(begin))
        async for read in between(consumer, begin, end):
            events += events_in(read.value)
            records += 1
            if records % _TOLD_EVERY == 0:
                tell(records)
    return InLog(events, records, whole=not any(begin.values()))


def events_in(value: bytes | None) -> int:
    """Return how many events a record stands for: the elements of an array, else one, be it good or bad."""
    try:
        if value is None or record_problem(value) is not None:
            return 1
        elements = elements_of(value)
    except RecursionError:
        return 1
    return 1 if elements is None else len(elements)
