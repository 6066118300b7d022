"""The aggregator: a Faust app without tables. Batches of ``events.*`` in, snapshots of panes out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from pipeline.aggregator.owner import Aggregator
from pipeline.epochs import claimed_epochs
from pipeline.faust_ext.app import PipelineApp, make_app
from pipeline.faust_ext.run import run_worker
from pipeline.settings import Settings
from pipeline.topic_admin import ensure_topics, wait_for_kafka
from pipeline.topics import topics_of


def make_aggregator(settings: Settings, partitions: Mapping[str, int]) -> tuple[PipelineApp, Aggregator]:
    """Return the Faust app of an aggregator and what its agent drives; nothing is started.

    `partitions` has how many partitions each topic has.
    """
    aggregator = Aggregator(settings)
    topics = topics_of(settings).events()
    read = {topic: partitions[topic] for topic in topics}
    app = make_app(settings, "aggregator", owner=aggregator, batch_topics=read)
    aggregator.app = app

    @app.agent(app.batch_topic(*topics), name="aggregate")  # type: ignore[untyped-decorator]  # faust is untyped
    async def aggregate(stream: Any) -> None:
        async for event in stream.noack().events():
            await aggregator.receive(event.value)
            # Bookkeeping of Faust's alone: offsets are committed by `settle`.
            await stream.ack(event)

    @app.on_partitions_revoked.connect  # type: ignore[untyped-decorator]
    async def on_partitions_revoked(*_: Any, **__: Any) -> None:
        await aggregator.release()

    app.aggregate, app.release = aggregate, on_partitions_revoked  # signals hold their receivers weakly
    return app, aggregator


async def run_aggregator(settings: Settings, stop: asyncio.Event) -> None:
    """Run one aggregator against `settings.kafka` until `stop` is set. Raises FatalError when it can't go on."""
    if not await wait_for_kafka(settings.kafka or "", stop):
        return
    partitions = await ensure_topics(settings)
    app, aggregator = make_aggregator(await claimed_epochs(settings), partitions)
    await run_worker(
        app,
        stop,
        tick=aggregator.settle,
        tick_seconds=settings.flush_ms / 1000,
        last=aggregator.release,
        stop_seconds=settings.stop_seconds,
    )
