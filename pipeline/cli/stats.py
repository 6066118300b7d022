"""`pipeline stats`: what every series looked like at the end of the last step."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Annotated

import msgspec
import typer
from rich.live import Live

from pipeline.cli.configuration import load, resolve
from pipeline.cli.console import out, print_json, say
from pipeline.cli.figures import moment
from pipeline.cli.stats_table import SeriesKey, key_of, newer, stats_table
from pipeline.cli.topic_reader import read_tail
from pipeline.errors import FatalError
from pipeline.settings import Settings
from pipeline.topics import topics_of
from schemas.structs import StatsRecord, decode

_SPAN_MS = 15_000
"""How far back from the newest record the last step reaches: all of a step's records are written at once."""

_REFRESH_SECONDS = 2.0


def stats(
    service: Annotated[str | None, typer.Option(help="Only this service.")] = None,
    operation: Annotated[str | None, typer.Option(help="Only this operation.")] = None,
    environment: Annotated[str | None, typer.Option(help="Only this environment.")] = None,
    window: Annotated[str, typer.Option(help="Which sliding window: one of PIPELINE_WINDOWS.")] = "5m",
    watch: Annotated[bool, typer.Option("--watch", help="Stay, and show it again as it changes.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout and nothing else.")] = False,
) -> None:
    """Show rate, error %, p50, p95 and p99 of every series, at the end of the last step.

    A service's own row stands above its operations. Times are event time, in UTC.
    """
    settings = load()
    if window not in settings.windows:
        raise FatalError(f"There is no window {window!r}. PIPELINE_WINDOWS has {', '.join(settings.windows)}.")
    settings = resolve(settings, clickhouse=False)
    wanted = {"service": service, "operation": operation, "environment": environment}
    if watch and not as_json:
        asyncio.run(_watch(settings, window, wanted))
        return
    records = asyncio.run(_last(settings, wanted))
    if as_json:
        print_json([_fact(record, window) for _, record in sorted(records.items()) if window in record.windows])
    elif records:
        out.print(stats_table(records.values(), window))
        say(f"\nwindow {window} up to {moment(max(one.step_end_ms for one in records.values()))} UTC")
    else:
        say(_nothing(wanted))


async def _last(settings: Settings, wanted: dict[str, str | None]) -> dict[SeriesKey, StatsRecord]:
    """Return the newest record of every series in the topic's last step."""
    found: dict[SeriesKey, StatsRecord] = {}
    async for read in read_tail(settings, topics_of(settings).stats, _SPAN_MS):
        record = decode(read.value) if read.value else None
        if isinstance(record, StatsRecord) and _matches(record, wanted) and newer(record, found.get(key_of(record))):
            found[key_of(record)] = record
    return found


async def _watch(settings: Settings, window: str, wanted: dict[str, str | None]) -> None:
    with Live(console=out, auto_refresh=False, screen=out.is_terminal) as live:
        while True:
            with contextlib.suppress(FatalError):  # Kafka is away for a moment: the last picture stays
                records = await _last(settings, wanted)
                title = _title(window, records)
                live.update(stats_table(records.values(), window, title=title), refresh=True)
            await asyncio.sleep(_REFRESH_SECONDS)


def _title(window: str, records: dict[SeriesKey, StatsRecord]) -> str:
    if not records:
        return "No stats yet."
    return f"window {window} up to {moment(max(one.step_end_ms for one in records.values()))} UTC, Ctrl-C ends"


def _matches(record: StatsRecord, wanted: dict[str, str | None]) -> bool:
    return all(value is None or getattr(record, name) == value for name, value in wanted.items())


def _fact(record: StatsRecord, window: str) -> dict[str, object]:
    return {
        "environment": record.environment,
        "service": record.service,
        "operation": record.operation,
        "dimensions": record.dimensions,
        "step_end_ms": record.step_end_ms,
        "status": record.status,
        "window": window,
        **msgspec.structs.asdict(record.windows[window]),
    }


def _nothing(wanted: dict[str, str | None]) -> str:
    filters = " ".join(f"--{name} {value}" for name, value in wanted.items() if value is not None)
    if filters:
        return f"No series matches {filters}. `pipeline stats` without it lists them all."
    return "There are no stats yet: publish events (`pipeline publish FILE`), or wait for the first step to end."
