"""`pipeline topics`: every topic of the pipeline, what it is for, and what is in it."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from aiokafka.errors import KafkaConnectionError
from rich.table import Table

from pipeline.cli.configuration import load, resolve
from pipeline.cli.console import out, print_json
from pipeline.cli.figures import count
from pipeline.progress import unreachable
from pipeline.settings import Settings
from pipeline.topic_admin import TopicState, describe_topics

_HOUR_MS = 3_600_000
_DAY_HOURS = 24


def topics(as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout and nothing else.")] = False) -> None:
    """Show every topic of the pipeline: partitions, records, how long they are kept, and what it is for."""
    settings = resolve(load(), clickhouse=False)
    found = asyncio.run(_found(settings))
    if as_json:
        print_json(found)
    else:
        out.print(_table(found))


async def _found(settings: Settings) -> list[TopicState]:
    try:
        return await describe_topics(settings)
    except KafkaConnectionError:
        raise unreachable(settings) from None


def _table(found: list[TopicState]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold dim")
    table.add_column("topic", no_wrap=True)
    table.add_column("partitions", justify="right")
    table.add_column("records", justify="right", no_wrap=True)
    table.add_column("kept", no_wrap=True)
    table.add_column("for")
    for one in found:
        style = "" if one.partitions else "red"
        partitions = str(one.partitions) if one.partitions else "missing"
        table.add_row(one.name, partitions, count(one.records), _kept(one.config), one.purpose, style=style)
    return table


def _kept(config: dict[str, str]) -> str:
    if "compact" in config.get("cleanup.policy", ""):
        return "last per key"
    hours = int(config.get("retention.ms", "-1")) // _HOUR_MS
    if hours < 0:
        return "for ever"
    return f"{hours // _DAY_HOURS} days" if hours > _DAY_HOURS else f"{hours} h"
