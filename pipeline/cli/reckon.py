"""`pipeline reckon`: whether every published event is accounted for, in the panes and in ClickHouse."""

from __future__ import annotations

import asyncio
import sys
from contextlib import nullcontext
from typing import Annotated

import typer

from pipeline.cli.configuration import load, resolve
from pipeline.cli.console import complain, err, out, print_json, say
from pipeline.cli.figures import count
from pipeline.cli.log_count import InLog, count_log
from pipeline.cli.reckoning import Reckoning, reckoning, settled
from pipeline.cli.reckoning_table import facts, reckoning_table
from pipeline.progress import progress_of
from pipeline.settings import Settings


def reckon(
    wait: Annotated[float, typer.Option(help="Give up when nothing has moved for so many seconds.")] = 15.0,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout and nothing else.")] = False,
) -> None:
    """Count every event in Kafka by reading it, and compare: published = counted + late + dead = rows + dead.

    Waits until the workers have read all there is. Exit code 1 if a number differs, which it also does while events
    keep coming in. Events that Kafka no longer keeps, or ClickHouse, cannot be reckoned with.
    """
    settings = resolve(load())
    in_log, result = asyncio.run(_reckon(settings, wait, quiet=as_json))
    if as_json:
        print_json({"whole_log": in_log.whole, **facts(result)})
    else:
        out.print(reckoning_table(result, "in Kafka, by reading it"))
    if not in_log.whole:
        complain("Kafka has dropped the oldest events (retention), so the sums cannot be equal any more.")
    elif not result.holds and not as_json:
        say("If events are coming in just now, ask again when they have stopped.")
    sys.exit(0 if result.holds else 1)


async def _reckon(settings: Settings, wait: float, *, quiet: bool) -> tuple[InLog, Reckoning]:
    message = "Reading the events in Kafka …"
    with nullcontext() if quiet else err.status(message) as status:

        def tell(records: int) -> None:
            if status:
                status.update(f"{message} {count(records)} records")

        in_log = await count_log(settings, tell)
        if status:
            status.update("Waiting for the workers to have counted them …")
        async with progress_of(settings) as progress:
            return in_log, reckoning(in_log.events, await settled(settings, progress, lambda _: in_log.events, wait))
