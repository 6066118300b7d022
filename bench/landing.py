"""Measurement 4: a backlog of raw events into ClickHouse by one lander, from its first commit to its last.

ClickHouse is the embedded one, started for the measurement. What stands on the topic before the lander starts is what
an outage leaves: the rate says how fast a lander catches up.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.child import Child, worker
from bench.events import EventMaker
from bench.figures import Figure
from bench.places import Places, places
from bench.run import Run
from bench.stage import Stage, until
from bench.timeline import cpu_seconds
from bench.writer import write_span, writer
from pipeline.clickhouse_client import connect
from pipeline.embedded.clickhouse import EmbeddedClickHouse
from pipeline.errors import FatalError
from pipeline.settings import Settings
from pipeline.topic_admin import ensure_topics
from pipeline.topics import topics_of

SPAN_MS = 100_000


async def measure(stage: Stage, *, records: int, series: int) -> list[Figure]:
    """Write a backlog, let one lander land it, and return the figures."""
    await ensure_topics(stage.settings)
    topic = topics_of(stage.settings).operations
    stage.say(f"writing {records:,} events of {series:,} operations")
    end_ms = time.time_ns() // 1_000_000
    async with writer(stage.settings.kafka or "", topic) as out:
        await write_span(out, EventMaker(series), events=records, begin_ms=end_ms - SPAN_MS, end_ms=end_ms)
    async with _clickhouse(stage.settings) as (server, settings), places(settings) as at:
        stage.say(f"lander: {records:,} events")
        async with worker("lander", settings, worker_id="bench-lander") as child:
            run, server_seconds = await _landed(at, child, server, records)
        await asyncio.to_thread(_nothing_is_missing, settings, records)
    return [
        Figure("landing.events", "lander: events measured", run.events, ""),
        Figure("landing.events_per_second", "lander: a backlog into ClickHouse", run.per_second, "events/s"),
        Figure("landing.events_per_cpu_second", "lander: per CPU second", run.per_cpu_second, "events/CPU-s"),
        Figure(
            "landing.clickhouse_cpu", "ClickHouse: CPU for a million of them", server_seconds * 1e6 / run.events, "s"
        ),
        Figure("landing.peak_mb", "lander: peak memory", run.peak_mb["lander"], "MB", None, 640),
    ]


async def _landed(at: Places, child: Child, server: EmbeddedClickHouse, records: int) -> tuple[Run, float]:
    """Wait until everything is committed; return the time from the first commit on, and ClickHouse's CPU seconds."""

    async def landed() -> int:
        child.assert_alive()
        return sum((await at.lander()).values())

    async def begun() -> bool:
        return await landed() > 0

    async def ended() -> bool:
        return await landed() >= records

    await until("the lander has landed something", begun)
    before, began_ms, server_before = await landed(), time.time() * 1000, cpu_seconds(server.pid or 0)
    await until(f"the lander has landed {records} events", ended)
    ended_ms, server_after = time.time() * 1000, cpu_seconds(server.pid or 0)
    used = child.timeline.cpu_at(ended_ms) - child.timeline.cpu_at(began_ms)
    run = Run(records - before, (ended_ms - began_ms) / 1000, used, {"lander": child.timeline.peak_mb})
    return run, server_after - server_before


@asynccontextmanager
async def _clickhouse(settings: Settings) -> AsyncIterator[tuple[EmbeddedClickHouse, Settings]]:
    server = EmbeddedClickHouse(settings.model_copy(update={"clickhouse_port": 0}))
    address = await asyncio.to_thread(server.start)
    try:
        yield server, settings.model_copy(update={"clickhouse": address})
    finally:
        await asyncio.to_thread(server.stop)


def _nothing_is_missing(settings: Settings, records: int) -> None:
    with connect(settings) as client:
        rows = client.query(f"SELECT count() FROM {settings.database}.operations").result_rows[0][0]
    if rows != records:
        raise FatalError(f"{records} events were written; ClickHouse has {rows} rows")
