"""The evaluator: a Faust app with tables. Snapshots of panes in; sliding windows, stats and alerts out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from pipeline.core.rules import Rule
from pipeline.evaluator.owner import Evaluator
from pipeline.evaluator.rule_source import LiveRules
from pipeline.evaluator.speaker import Speaker
from pipeline.evaluator.takeover import Tables
from pipeline.faust_ext.app import PipelineApp, make_app
from pipeline.faust_ext.run import run_worker
from pipeline.settings import Settings
from pipeline.topic_admin import ensure_topics, wait_for_kafka
from pipeline.topics import topics_of


def make_evaluator(settings: Settings, rules: Sequence[Rule]) -> tuple[PipelineApp, Evaluator]:
    """Return the Faust app of an evaluator and what its agents drive; nothing is started."""
    evaluator = Evaluator(settings, rules)
    topics = topics_of(settings)
    read = (topics.panes, topics.signals)
    app = make_app(settings, "evaluator", owner=evaluator, batch_topics=dict.fromkeys(read, settings.partitions))
    evaluator.app = app
    evaluator.tables = Tables(
        closed_panes=app.durable_table("closed_panes", topics.closed_panes, settings.partitions),
        long_panes=app.durable_table("long_panes", topics.long_panes, settings.partitions),
        windows=app.durable_table("windows", topics.windows, settings.partitions),
        alerts=app.durable_table("alerts", topics.alerts_state, settings.partitions),
    )
    evaluator.speaker = Speaker(app, topics, evaluator.tables.alerts, evaluator.tables.windows, evaluator.lease)

    async def receive(stream: Any) -> None:
        async for event in stream.noack().events():
            await evaluator.receive(event.value)
            # Bookkeeping of Faust's alone: offsets are committed by `tick`.
            await stream.ack(event)

    window_agent = app.agent(app.batch_topic(topics.panes), name="window")(receive)
    alert_agent = app.agent(app.batch_topic(topics.signals), name="alert")(receive)

    @app.on_partitions_revoked.connect  # type: ignore[untyped-decorator]  # faust is untyped
    async def on_partitions_revoked(*_: Any, **__: Any) -> None:
        await evaluator.release()

    app.agents_kept = (window_agent, alert_agent, on_partitions_revoked)  # signals hold their receivers weakly
    return app, evaluator


async def run_evaluator(settings: Settings, stop: asyncio.Event) -> None:
    """Run one evaluator against `settings.kafka` until `stop` is set. Raises FatalError when it can't go on."""
    rules = LiveRules(settings)
    if not await wait_for_kafka(settings.kafka or "", stop):
        return
    await ensure_topics(settings)
    app, evaluator = make_evaluator(settings, [])
    evaluator.rule_source = rules
    try:
        await rules.start()
        await run_worker(
            app,
            stop,
            tick=evaluator.tick,
            tick_seconds=settings.early_ms / 1000,
            last=evaluator.release,
            stop_seconds=settings.stop_seconds,
        )
    finally:
        await rules.stop()
        await app.producers.close()
