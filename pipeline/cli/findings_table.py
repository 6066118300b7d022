"""What verifying or repairing found, as a table, as sentences and as facts."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from rich.markup import escape
from rich.table import Table

from pipeline.cli.figures import count, moment
from pipeline.history.findings import Compared, Difference
from pipeline.history.verifying import Asked


def differences_table(differences: Sequence[Difference], *, found: str = "found") -> Table:
    """Return the table of differences: what, series, pane, source, column, expected from raw rows, found."""
    table = Table(box=None, pad_edge=False, header_style="bold dim")
    for heading in ("what", "series", "pane or step (UTC)", "source, window or table", "column"):
        table.add_column(heading, no_wrap=True)
    for heading in ("from raw rows", found):
        table.add_column(heading, justify="right", overflow="fold")
    for one in differences:
        names = (one.what.value, one.series.label(), moment(one.at_ms), one.where, one.column, one.expected, one.found)
        table.add_row(*map(escape, names))
    return table


def listed(counts: dict[str, int]) -> str:
    """Return counts as people write them: ``12 slots, 3 windows``; without those that are 0."""
    return ", ".join(f"{count(number)} {name}" for name, number in counts.items() if number)


def span_text(asked: Asked) -> str:
    """Return the range as people write it."""
    return f"{moment(asked.from_ms)} to {moment(asked.to_ms)} UTC"


def facts(asked: Asked, compared: Compared, seconds: float) -> dict[str, object]:
    """Return the same as JSON has it."""
    return {
        "from_ms": asked.from_ms,
        "to_ms": asked.to_ms,
        "compared": dict(compared.counts),
        "left_out": {name: number for name, number in compared.left_out.items() if number},
        "differing": dict(compared.differing),
        "differences": [_fact(one) for one in compared.differences],
        "seconds": round(seconds, 3),
    }


def _fact(one: Difference) -> dict[str, object]:
    return {**msgspec.structs.asdict(one), "series": one.series._asdict()}
