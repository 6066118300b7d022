"""Which range of the history `pipeline verify` and `pipeline repair` are about, and how far it is settled."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import typer
from clickhouse_connect.driver.client import Client
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from pipeline.cli.console import err
from pipeline.cli.landing import landed_cut
from pipeline.cli.moments import moment_ms
from pipeline.clickhouse_client import parse_address
from pipeline.errors import FatalError
from pipeline.history.cut import Cut, read_cut
from pipeline.history.verifying import Asked, Tell
from pipeline.settings import Settings

_HOUR_MS = 3_600_000
WAIT_SECONDS = 15.0
"""For a lander that is a moment behind: 5 s of it are those for which it lets open snapshots wait, uncommitted."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The two ends as they were written; None: the last hour that is closed."""

    begin: str | None
    end: str | None


def settled_cut(settings: Settings, client: Client, *, landed: bool) -> Cut:
    """Return how far the history is settled. With `landed` Kafka is not asked, and all that was told has landed."""
    cut = read_cut(client, database_of(settings))
    return cut if landed else asyncio.run(landed_cut(settings, cut, WAIT_SECONDS))


def asked(bounds: Bounds, cut: Cut, most: int) -> Asked:
    """Return the range in ms; wrong usage where it is none."""
    now_ms = time.time_ns() // 1_000_000
    end_ms = moment_ms(bounds.end, now_ms) if bounds.end else None
    if bounds.begin is None or end_ms is None:
        closed_ms = cut.closed_through_ms()
        if end_ms is None and bounds.begin is None and closed_ms is None:
            raise FatalError(
                "No pane is closed yet: there is nothing to compare. Publish events and wait until their panes have "
                "closed, a minute by default"
            )
        end_ms = (closed_ms if bounds.begin is None and closed_ms is not None else now_ms) if end_ms is None else end_ms
    begin_ms = moment_ms(bounds.begin, now_ms) if bounds.begin else end_ms - _HOUR_MS
    if begin_ms >= end_ms:
        raise typer.BadParameter(f"--from {bounds.begin} is not before --to {bounds.end or 'now'}")
    return Asked(begin_ms, end_ms, most)


def database_of(settings: Settings) -> str:
    """Return the database that the address names, or that of the settings."""
    return parse_address(settings.clickhouse or "").database or settings.database


@contextmanager
def progress_told(*, quiet: bool) -> Iterator[Tell]:
    """Give what shows the progress on stderr, a bar for each thing; nothing when `quiet` or without a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=quiet or not err.is_terminal) as bars:
        tasks: dict[str, TaskID] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what)
            bars.update(tasks[what], completed=done, total=total)

        yield tell
