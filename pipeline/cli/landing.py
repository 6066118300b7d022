"""How far the history is settled: what the aggregators and evaluators have come to, and what of it has landed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping
from dataclasses import replace

from aiokafka import AIOKafkaConsumer, TopicPartition

from pipeline.core.window_config import decode_state
from pipeline.epochs import with_known_epochs
from pipeline.history.cut import NEVER_MS, Cut
from pipeline.lander.kafka_clients import group_of
from pipeline.progress import Progress, progress_of
from pipeline.settings import Settings
from pipeline.topics import RECORD_BYTES, topics_of

_POLL_SECONDS = 0.5
_READ_SECONDS = 5.0
_Place = tuple[str, int]


async def landed_cut(settings: Settings, cut: Cut, wait_seconds: float) -> Cut:
    """Return of a cut, read from ClickHouse just now, what the lander has landed altogether.

    Final snapshots and notices of late events were in Kafka before the mark that the cut is made of; so once the lander
    stands where these topics end now, everything below the cut is in ClickHouse. Waits for it, at most so long; then
    what it has not come to is left out. Raises FatalError where Kafka cannot be reached.
    """
    topics = topics_of(settings)
    async with progress_of(settings) as progress:
        settings = await with_known_epochs(settings)
        reached = [one for one in await progress.look() if one.topic == topics.panes]
        ends = await progress.ends((topics.panes, topics.late, topics.stats, topics.long_stats))
        goals = {**ends, **_positions(cut, settings)}
        behind = await _behind(settings, progress, goals, time.monotonic() + wait_seconds)
    if any(topic in (topics.panes, topics.late) for topic, _ in behind):
        lagging = frozenset(source for source in cut.reached if source.epoch == settings.epoch_of(source.topic))
    else:
        lagging = frozenset(source for source in cut.reached if (source.topic, source.partition) in behind)
    return replace(
        cut.without(lagging),
        windows_ms=_frontiers({one.partition: one.engine for one in reached if one.engine}, topics.stats, behind),
        long_windows_ms=_frontiers(
            {one.partition: one.long_engine for one in reached if one.long_engine}, topics.long_stats, behind
        ),
    )


def _frontiers(engines: Mapping[int, str], told: str, behind: Collection[_Place]) -> dict[int, int]:
    """Return up to which step each shard's windows are final: its panes are closed, and every correction was told."""
    states = {shard: decode_state(engine) for shard, engine in engines.items()}
    return {
        shard: NEVER_MS
        if state.frontier_ms is None or state.emitted_ms is None or (told, shard) in behind
        else min(state.frontier_ms, state.emitted_ms)
        for shard, state in states.items()
    }


def _positions(cut: Cut, settings: Settings) -> dict[_Place, int]:
    """Return up to where raw rows have to be there, by topic and partition; Kafka has the present epochs' offsets."""
    return {
        (source.topic, source.partition): reach.position
        for source, reach in cut.reached.items()
        if source.epoch == settings.epoch_of(source.topic)
    }


async def _behind(
    settings: Settings, progress: Progress, goals: Mapping[_Place, int], deadline_s: float
) -> Collection[_Place]:
    """Wait until the lander has come to all of these offsets; return where it has not when the time is over."""
    while True:
        reached = {
            (one.topic, one.partition): one.committed
            for one in await progress.look()
            if one.group == group_of(settings)
        }
        behind = {place: (reached.get(place, 0), goal) for place, goal in goals.items() if reached.get(place, 0) < goal}
        if not behind:
            return ()
        if time.monotonic() > deadline_s:
            return await _with_records(settings, behind)
        await asyncio.sleep(_POLL_SECONDS)


async def _with_records(settings: Settings, spans: Mapping[_Place, tuple[int, int]]) -> Collection[_Place]:
    """Return those spans of offsets that hold a record: a transaction's end is an offset without one, which stays."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_partition_fetch_bytes=RECORD_BYTES,
    )
    await consumer.start()
    try:
        left = {TopicPartition(*place): span for place, span in spans.items()}
        consumer.assign(list(left))
        for tp, (first, _) in left.items():
            consumer.seek(tp, first)
        found: set[_Place] = set()
        deadline_s = time.monotonic() + _READ_SECONDS
        while left and time.monotonic() < deadline_s:
            for tp, records in (await consumer.getmany(timeout_ms=200)).items():
                if tp in left and any(record.offset < left[tp][1] for record in records):
                    found.add((tp.topic, tp.partition))
                    del left[tp]
            for tp in [tp for tp, (_, end) in left.items() if await consumer.position(tp) >= end]:
                del left[tp]
        return found | {(tp.topic, tp.partition) for tp in left}
    finally:
        await consumer.stop()
