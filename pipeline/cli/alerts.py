"""`pipeline alerts`: what is wrong now, what was, and what comes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from pipeline.cli.alert_lines import STYLES, alert_line, style_of
from pipeline.cli.configuration import load, resolve
from pipeline.cli.console import out, print_json, print_json_line, say
from pipeline.cli.current_alerts import current_alerts
from pipeline.cli.figures import measured, moment
from pipeline.cli.topic_reader import as_read, go_to_end, reader
from pipeline.core.alert_state import ACTIVE
from pipeline.settings import Settings
from pipeline.topics import topics_of
from schemas.structs import Alert, decode


def alerts(
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Stay, and show every transition as it comes.")
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="JSON on stdout and nothing else; a line each to follow.")
    ] = False,
) -> None:
    """Show the alerts that are not over; with --all the resolved ones too, with --follow what comes."""
    settings = resolve(load(), clickhouse=False)
    if follow:
        asyncio.run(_follow(settings, as_json))
        return
    states = asyncio.run(current_alerts(settings))
    found = sorted((one for one in states if everything or one.state in ACTIVE), key=_gravest_first)
    if as_json:
        print_json(found)
    elif found:
        out.print(_table(found))
    else:
        resolved = sum(one.state == "resolved" for one in states)
        say(
            "All is well: no alert is pending or firing."
            + (f" {resolved} resolved: --all shows them." if resolved else "")
        )


async def _follow(settings: Settings, as_json: bool) -> None:
    topic = topics_of(settings).alerts
    async with reader(settings, topic) as consumer:
        await go_to_end(consumer)
        say(f"Following {topic} on {settings.kafka}; Ctrl-C ends.")
        async for record in consumer:
            alert = decode(as_read(record).value or b"null")
            if not isinstance(alert, Alert):
                continue
            if as_json:
                print_json_line(alert)
            else:
                out.print(alert_line(alert))


def _gravest_first(alert: Alert) -> tuple[int, int, str]:
    return (list(STYLES).index(alert.state), -alert.started_ms, alert.series)


def _table(alerts_: Iterable[Alert]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold dim")
    for heading in ("state", "severity", "rule", "series", "value", "threshold", "window", "since (UTC)", "id"):
        table.add_column(heading, no_wrap=True)
    for one in alerts_:
        limit = f"{one.comparison} {measured(one.threshold, one.unit)}"
        since = moment(one.resolved_ms or one.fired_ms or one.started_ms)
        table.add_row(
            one.state, one.severity, escape(one.rule), escape(one.series),
            measured(one.value, one.unit), limit, one.window, since, one.alert_id, style=style_of(one),
        )  # fmt: skip
    return table
