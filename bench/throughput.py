"""Measurement 1: one topic of events, read by every contender, each in a process of its own.

Our workers run unchanged. How many events were counted when is read from the marks they tell on `panes`, and CPU time
from the kernel: both from the first marks with events, so that imports and joining the group are left out, to the
first marks that have every event. What the others measure of themselves goes from their first event to their last.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from bench.child import Child
from bench.events import JITTER_MS, EventMaker
from bench.figures import Figure
from bench.pipeline_run import run_pipeline
from bench.places import places, read_again
from bench.run import Run
from bench.stage import Stage, until
from bench.writer import write_span, writer
from pipeline.errors import FatalError
from pipeline.topic_admin import ensure_topics
from pipeline.topics import topics_of

SPAN_MS = 100_000
STOCK_RECORDS = 50_000
_CHANCE_MS = 1_000
_STEP_MS = 10_000


async def measure(stage: Stage, *, records: int, series: int) -> list[Figure]:
    """Write the topic once, let every contender read it, and return the figures."""
    await ensure_topics(stage.settings)
    end_ms = time.time_ns() // 1_000_000
    bytes_each = await _write_topic(stage, records, series, end_ms)
    # Where every partition's watermark stands at its last event, a second of chance allowed for.
    steps_ms = end_ms - JITTER_MS - stage.settings.out_of_orderness_ms - _CHANCE_MS
    stock_records = min(records, STOCK_RECORDS)
    bare = await _self_measured(stage, "bare_aiokafka", ["-m", "bench.contenders.bare_aiokafka"], records)
    stock = await _self_measured(
        stage,
        "stock_faust",
        ["-m", "faust", "-A", "bench.contenders.stock_faust", "worker", "--without-web", "-l", "warn"],
        stock_records,
    )
    # Both together first: the evaluator begins at the first record of `panes`, and must find one run there only.
    both = await run_pipeline(stage, records, steps_ms=steps_ms // _STEP_MS * _STEP_MS)
    await read_again(stage.settings, "aggregator")
    alone = await run_pipeline(stage, records, steps_ms=None)
    return [
        Figure("topic.records", "records on the topic, one event each", records, ""),
        Figure("topic.bytes", "their mean size", bytes_each, "bytes"),
        Figure("topic.series", "operations among them", series, ""),
        *_figures("bare", "(c) bare aiokafka `getmany`, nothing decoded", bare),
        *_figures("stock", f"(a) stock Faust, one tumbling count, first {stock_records:,} records", stock),
        *_figures("aggregator", "(b) our aggregator, the whole job", alone, cpu_goal=100_000),
        *_figures("both", "(b) aggregator and evaluator together", both, cpu_goal=70_000),
        Figure("ratio.stock", "aggregator / stock Faust, events/s", alone.per_second / stock.per_second, "times", 30),
        Figure(
            "ratio.stock_cpu",
            "aggregator / stock Faust, events per CPU second",
            alone.per_cpu_second / stock.per_cpu_second,
            "times",
        ),
        Figure("ratio.bare", "aggregator / bare aiokafka, events/s", alone.per_second / bare.per_second, "times"),
    ]


def _figures(key: str, who: str, run: Run, cpu_goal: float | None = None) -> list[Figure]:
    return [
        Figure(f"{key}.events", f"{who}: events measured", run.events, ""),
        Figure(f"{key}.events_per_second", f"{who}: speed", run.per_second, "events/s"),
        Figure(f"{key}.events_per_cpu_second", f"{who}: per CPU second", run.per_cpu_second, "events/CPU-s", cpu_goal),
        *(
            Figure(f"{key}.peak_mb.{name}", f"{who}: peak memory, {name}", peak, "MB")
            for name, peak in run.peak_mb.items()
        ),
    ]


async def _write_topic(stage: Stage, records: int, series: int, end_ms: int) -> float:
    """Write the events, the last of now; return their mean size in bytes."""
    topic, maker = topics_of(stage.settings).operations, EventMaker(series)
    sample = [len(maker.make(end_ms)) for _ in range(1_000)]
    stage.say(f"writing {records:,} events of {series:,} operations")
    async with writer(stage.settings.kafka or "", topic) as out:
        await write_span(out, maker, events=records, begin_ms=end_ms - SPAN_MS, end_ms=end_ms)
    async with places(stage.settings) as at:
        there = sum((await at.ends(topic)).values())
    if there != records:
        raise FatalError(f"{topic} has {there} records, {records} were written: an unquiet network? Run it again.")
    return sum(sample) / len(sample)


async def _self_measured(stage: Stage, name: str, arguments: list[str], records: int) -> Run:
    settings = stage.settings
    report = settings.home / f"{name}.json"
    stage.say(f"{name}: {records:,} events")
    environment = {
        "BENCH_KAFKA": settings.kafka or "",
        "BENCH_TOPIC": topics_of(settings).operations,
        "BENCH_GROUP": f"{settings.namespace}.{name}",
        "BENCH_PARTITIONS": str(settings.partitions),
        "BENCH_EVENTS": str(records),
        "BENCH_REPORT": str(report),
    }
    async with Child(name, arguments, settings.home, environment) as child:

        async def reported() -> bool:
            if not report.exists():
                child.assert_alive()
            return report.exists()

        await until(f"{name} has read {records} events", reported)
    return _reported(report)


def _reported(report: Path) -> Run:
    found = json.loads(report.read_text(encoding="utf-8"))
    return Run(found["events"], found["seconds"], found["cpu_seconds"], {"process": found["peak_mb"]})
