"""`pipeline doctor`: what is configured, reachable and installed; what is wrong; and what to do."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from pipeline.cli.checkup import Checkup
from pipeline.cli.configuration import load
from pipeline.cli.console import out, print_json
from pipeline.cli.machine_checkups import machine_checkups
from pipeline.cli.server_checkups import server_checkups
from pipeline.settings import Settings
from pipeline.up.runfile import read_running

_MARKS = {"ok": "[green]✓[/]", "note": "[yellow]![/]", "wrong": "[bold red]✗[/]"}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout and nothing else.")] = False,
) -> None:
    """Look at settings, versions, disk, servers, topics and lag; say what is wrong and what to do.

    Exit code 1 if something is wrong. Changes nothing.
    """
    settings = load()
    checkups = [*machine_checkups(settings), *asyncio.run(server_checkups(_found(settings)))]
    sick = [one for one in checkups if one.state == "wrong"]
    if as_json:
        print_json({"ok": not sick, "checkups": checkups})
    else:
        _print(checkups)
        out.print("\n[green]All is well.[/]" if not sick else f"\n[bold red]{len(sick)} wrong.[/]")
    sys.exit(1 if sick else 0)


def _found(settings: Settings) -> Settings:
    """The settings with the addresses of a running `pipeline up`, where it has any."""
    running = read_running(settings)
    if running is None:
        return settings
    found = {"kafka": settings.kafka or running.kafka, "clickhouse": settings.clickhouse or running.clickhouse}
    return settings.model_copy(update=found)


def _print(checkups: list[Checkup]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for one in checkups:
        table.add_row(_MARKS[one.state], one.name, escape(one.found))
        if one.advice:
            table.add_row("", "", f"[yellow]→ {escape(one.advice)}[/]")
    out.print(table)
