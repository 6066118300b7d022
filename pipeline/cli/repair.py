"""`pipeline repair`: the history's slots and roll-ups made anew from the raw rows, late events included."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from pipeline.cli.compared_range import Bounds, asked, database_of, progress_told, settled_cut
from pipeline.cli.configuration import load, resolve
from pipeline.cli.console import out, print_json, say
from pipeline.cli.findings_table import differences_table, facts, listed, span_text
from pipeline.cli.history import history
from pipeline.cli.verify import From, Landed, To
from pipeline.history.findings import Compared
from pipeline.history.repairing import Place
from pipeline.history.repairing import repair as make_anew
from pipeline.history.verifying import Asked


def repair(
    begin: From = None,
    end: To = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be changed, and change nothing.")] = False,
    shown: Annotated[int, typer.Option(min=0, help="Changes shown, at most.")] = 20,
    landed: Landed = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout and nothing else.")] = False,
) -> None:
    """Make slots and roll-ups anew from ClickHouse's raw rows, where they differ; late events are counted then.

    Raw rows decide, where they are fewer as well: look with --dry-run first. Panes that are still open are left alone.
    A repair that was broken off is finished by the next; repairing twice changes nothing.
    """
    settings = resolve(load(), kafka=not landed)
    began_s = time.monotonic()
    with history(settings, reader=False) as client:
        cut = settled_cut(settings, client, landed=landed)
        range_ = asked(Bounds(begin, end), cut, shown)
        place = Place(client, settings.model_copy(update={"database": database_of(settings)}), cut, dry_run)
        with progress_told(quiet=as_json) as tell:
            compared = make_anew(place, range_, tell)
    seconds = time.monotonic() - began_s
    if as_json:
        print_json({**facts(range_, compared, seconds), "dry_run": dry_run})
    else:
        _show(range_, compared, seconds, dry_run=dry_run)


def _show(range_: Asked, compared: Compared, seconds: float, *, dry_run: bool) -> None:
    if compared.differences:
        out.print(differences_table(compared.differences, found="before"))
        say("")
    what = listed(dict(compared.counts)) or "nothing, as nothing is there"
    say(f"{span_text(range_)}: compared {what} in {seconds:.1f} s.")
    if left_out := listed(dict(compared.left_out)):
        say(f"Left alone, not settled yet: {left_out}.")
    if compared.total_differing:
        say(f"{'Would change' if dry_run else 'Changed'}: {listed(dict(compared.differing))}.")
    else:
        say("Nothing to repair.")
