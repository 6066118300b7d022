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
from pipeline.kept_windows import kept_windows
from pipeline.settings import Settings
from pipeline.topics import topics_of
from schemas.structs import StatsRecord, decode

_SPAN_MS = 15_000
"""How far back from the newest record the last step reaches: all of a step's records are written at once."""

_LONG_SPAN_MS = 60_000
"""The same of long windows: shards are done with a long pane one after the other."""

_REFRESH_SECONDS = 2.0


def stats(
    service: Annotated[str | None, typer.Option(help="Only this service.")] = None,
    operation: Annotated[str | None, typer.Option(help="Only this operation.")] = None,
    environment: Annotated[str | None, typer.Option(help="Only this environment.")] = None,
    window: Annotated[str, typer.Option(help="Which window: one of PIPELINE_WINDOWS or PIPELINE_LONG_WINDOWS.")] = "5m",
    watch: Annotated[bool, typer.Option("--watch", help="Stay, and show it again as it changes.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout and nothing else.")] = False,
) -> None:
    """Show rate, error %, p50, p95 and p99 of every series, at the end of the last step.

    A service's own row stands above its operations. Times are event time, in UTC.
    """
    settings = load()
    kept = kept_windows(settings)
    if window not in kept:
        raise FatalError(
            f"There is no window {window!r}. There is {', '.join(kept)} (PIPELINE_WINDOWS, PIPELINE_LONG_WINDOWS)."
        )
    settings = resolve(settings, clickhouse=False)
    wanted = {"service": service, "operation": operation, "environment": environment}
    if watch and not as_json:
        asyncio.run(_watch(settings, window, wanted))
        return
    records = asyncio.run(_last(settings, window, wanted))
    if as_json:
        print_json([_fact(record, window) for _, record in sorted(records.items()) if window in record.windows])
    elif records:
        out.print(stats_table(records.values(), window))
        say(f"\nwindow {window} up to {moment(max(one.step_end_ms for one in records.values()))} UTC")
    else:
        say(_nothing(wanted))


async def _last(settings: Settings, window: str, wanted: dict[str, str | None]) -> dict[SeriesKey, StatsRecord]:
    """Return the newest record of every series in the topic's last step."""
    found: dict[SeriesKey, StatsRecord] = {}
    topics, is_long = topics_of(settings), window in settings.long_windows
    topic, span_ms = (topics.long_stats, _LONG_SPAN_MS) if is_long else (topics.stats, _SPAN_MS)
    async for read in read_tail(settings, topic, span_ms):
        record = decode(read.value) if read.value else None
        if isinstance(record, StatsRecord) and _matches(record, wanted) and newer(record, found.get(key_of(record))):
            found[key_of(record)] = record
    return found


async def _watch(settings: Settings, window: str, wanted: dict[str, str | None]) -> None:
    with Live(console=out, auto_refresh=False, screen=out.is_terminal) as live:
        while True:
            with contextlib.suppress(FatalError):  # Kafka is away for a moment: the last picture stays
                records = await _last(settings, window, wanted)
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
