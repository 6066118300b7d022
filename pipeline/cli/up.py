"""`pipeline up`: everything on this machine, without demo traffic."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Annotated

import typer

from pipeline.cli.configuration import load
from pipeline.cli.console import print_json, say
from pipeline.cli.welcome import welcome
from pipeline.up.runfile import only_one, read_running
from pipeline.up.servers import Servers, servers
from pipeline.up.signals import run_until_signalled
from pipeline.up.stack import stack


def up(
    as_json: Annotated[bool, typer.Option("--json", help="Once all runs, say where as JSON on stdout.")] = False,
) -> None:
    """Run everything: Kafka and ClickHouse (unless PIPELINE_KAFKA and PIPELINE_CLICKHOUSE name them), and the workers.

    Ctrl-C stops it in order, a second one at once. What is stored stays in PIPELINE_HOME, `.pipeline` by default.
    """
    settings = load()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # while the servers start; later the event loop has it
    with only_one(settings), servers(settings, say) as started:
        code = run_until_signalled(_up(started, as_json=as_json))
        say("Stopping the servers …")
    sys.exit(code)


async def _up(started: Servers, *, as_json: bool) -> None:
    async with stack(started, say):
        if as_json:
            print_json(read_running(started.settings))
        else:
            welcome(started)
            say("Ctrl-C stops everything.")
        try:
            await asyncio.Event().wait()
        finally:
            say("Stopping the workers …")
