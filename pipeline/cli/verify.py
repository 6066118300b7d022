"""`pipeline verify`: the history, and what the stream said, against the raw rows."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import Annotated

import typer

from pipeline.cli.compared_range import Bounds, asked, database_of, progress_told, settled_cut
from pipeline.cli.configuration import load, resolve
from pipeline.cli.console import complain, out, print_json, say
from pipeline.cli.figures import count
from pipeline.cli.findings_table import differences_table, facts, listed, span_text
from pipeline.cli.history import history
from pipeline.history.findings import Compared
from pipeline.history.verifying import Asked
from pipeline.history.verifying import verify as compare

From = Annotated[
    str | None, typer.Option("--from", help="From when on, in event time: 2h ago, or 2026-11-22T10:00 (UTC).")
]
To = Annotated[str | None, typer.Option("--to", help="Up to when; without both: the last hour that is closed.")]
Landed = Annotated[
    bool, typer.Option("--landed", help="Don't ask Kafka how far the lander has come: all that was told has landed.")
]


def verify(
    begin: From = None,
    end: To = None,
    shown: Annotated[int, typer.Option(min=0, help="Differences shown, at most.")] = 20,
    long: Annotated[
        bool,
        typer.Option("--long", help="Long windows too: reads the slots of days before the range, if there are any."),
    ] = False,
    landed: Landed = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout and nothing else.")] = False,
) -> None:
    """Recompute slots, windows and roll-ups from ClickHouse's raw rows, and show what differs.

    Panes that are still open, and rows that have not landed, are left out and counted. Exit code 1 if anything differs.
    """
    settings = resolve(load(), kafka=not landed)
    began_s = time.monotonic()
    with history(settings, reader=False) as client:
        cut = settled_cut(settings, client, landed=landed)
        range_ = replace(asked(Bounds(begin, end), cut, shown), long=long)
        with progress_told(quiet=as_json) as tell:
            compared = compare(client, database_of(settings), settings, range_, cut, tell)
    seconds = time.monotonic() - began_s
    if as_json:
        print_json(facts(range_, compared, seconds))
    else:
        _show(range_, compared, seconds)
    sys.exit(1 if compared.total_differing else 0)


def _show(range_: Asked, compared: Compared, seconds: float) -> None:
    if compared.differences:
        out.print(differences_table(compared.differences))
        say("")
    what = listed(dict(compared.counts)) or "nothing, as nothing is there"
    say(f"{span_text(range_)}: compared {what} in {seconds:.1f} s.")
    if left_out := listed(dict(compared.left_out)):
        say(f"Left out, not settled yet: {left_out}.")
    if compared.total_differing:
        complain(
            f"{count(compared.total_differing)} differ: {listed(dict(compared.differing))}. `pipeline repair` makes "
            "slots and roll-ups anew from the raw rows."
        )
    else:
        say("Nothing differs.")
