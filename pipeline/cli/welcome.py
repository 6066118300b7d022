"""What `pipeline up` and `pipeline demo` say once all runs: where things listen, and what to try next."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from pipeline.cli.console import out
from pipeline.clickhouse_client import parse_address
from pipeline.up.servers import Servers
from pipeline.up.workers import names


def program() -> str:
    """Return how the user can call this program again: ``pipeline`` where the shell finds it, else the path to it."""
    called = Path(sys.argv[0])
    if not called.is_file() or called.name != "pipeline":
        return "pipeline"
    if (found := shutil.which("pipeline")) and Path(found).samefile(called):
        return "pipeline"
    here = Path.cwd()
    absolute = called.absolute()
    return str(absolute.relative_to(here) if absolute.is_relative_to(here) else absolute)


def commands(service: str = "") -> list[tuple[str, str]]:
    """Return three commands to try next, each with what it does."""
    name = program()
    query = "SELECT service, count() FROM operations GROUP BY service"
    only = f" --service {service}" if service else ""
    return [
        (f"{name} stats --watch{only}", "rates and percentiles as they change"),
        (f"{name} alerts --follow", "alerts as they fire and resolve"),
        (f'{name} sql "{query}"', "the history"),
    ]


def addresses(started: Servers) -> list[tuple[str, str]]:
    """Return where Kafka and ClickHouse listen."""
    settings = started.settings
    return [("Kafka", settings.kafka or ""), ("ClickHouse", str(parse_address(settings.clickhouse or "")))]


def welcome(started: Servers) -> None:
    """Write both to stdout, and where the logs are."""
    own = {"Kafka": started.kafka, "ClickHouse": started.clickhouse}
    for name, address in addresses(started):
        out.print(f"{name:<11} {address}{'' if own[name] else '  (named by settings)'}", soft_wrap=True)
    workers = ", ".join(names(started.settings))
    out.print(f"{'Workers':<11} {workers}; logs in {started.settings.home / 'logs'}", soft_wrap=True)
    out.print("\nTry, in another terminal:")
    for command, what in commands():
        out.print(f"  {command}", style="bold", soft_wrap=True, end="")
        out.print(f"  # {what}", style="dim", soft_wrap=True)
    out.print()
