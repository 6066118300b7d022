"""One tumbling count in stock Faust, written as its documentation does it.

Run by ``faust -A bench.contenders.stock_faust worker``. Everything but the meter is what a user would write.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import faust

from bench.contenders.meter import Meter


class Operation(faust.Record):  # type: ignore[misc]  # faust is untyped
    """The fields that the count needs; Faust leaves the others out."""

    service: str
    operation: str
    duration_ms: float
    success: bool
    timestamp_ms: int


app = faust.App(
    os.environ["BENCH_GROUP"],
    broker=f"kafka://{os.environ['BENCH_KAFKA']}",
    topic_partitions=int(os.environ["BENCH_PARTITIONS"]),
    store="memory://",
)
operations = app.topic(os.environ["BENCH_TOPIC"], value_type=Operation)
counts = app.Table("counts", default=int).tumbling(timedelta(seconds=10), expires=timedelta(hours=1))
meter = Meter(int(os.environ["BENCH_EVENTS"]), Path(os.environ["BENCH_REPORT"]))


@app.agent(operations)  # type: ignore[untyped-decorator]
async def count(events: Any) -> None:
    """Count calls by operation in windows of ten seconds."""
    async for event in events:
        counts[f"{event.service}/{event.operation}"] += 1
        meter.saw(1)
