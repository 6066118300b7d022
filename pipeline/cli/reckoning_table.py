"""A reckoning as a table, and as facts for JSON."""

from __future__ import annotations

import msgspec
from rich.table import Table
from rich.text import Text

from pipeline.cli.figures import count
from pipeline.cli.reckoning import Reckoning


def facts(result: Reckoning) -> dict[str, object]:
    """Return the numbers, each equation's difference, and whether all hold."""
    numbers = msgspec.structs.asdict(result)
    return {**numbers, "in_panes": result.in_panes, "differences": result.differences(), "holds": result.holds}


def reckoning_table(result: Reckoning, source: str) -> Table:
    """Return the table; `source` says how the published events were counted."""
    table = Table(title="Reckoning", title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("events", justify="right", no_wrap=True, header_style="bold dim")
    table.add_column("", no_wrap=True)
    table.add_row(f"published ({source})", count(result.published))
    table.add_row("  counted in panes", count(result.in_panes), _dim(_kinds(result)))
    table.add_row("  late: after their pane had closed", count(result.late), _dim("in the raw tables only"))
    table.add_row("  dead: refused, with a reason", count(result.dead), _dim("in events.dead"))
    table.add_row("in ClickHouse: events in slots", count(result.in_slots))
    table.add_row("in ClickHouse: raw rows", count(result.rows), _dim("counted + late"))
    if result.landing:
        table.add_row("in ClickHouse: rows it would not take", count(result.landing), _dim("events.dead, landing"))
    table.add_section()
    for equation, difference in result.differences().items():
        verdict = Text("✓", "bold green") if difference == 0 else Text(f"differs by {difference:+,}", "bold red")
        table.add_row(equation, "", verdict)
    return table


def _kinds(result: Reckoning) -> str:
    return f"{count(result.operations)} operations, {count(result.errors)} errors"


def _dim(text: str) -> Text:
    return Text(text, "dim")
