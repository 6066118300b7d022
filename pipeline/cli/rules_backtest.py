"""`pipeline rules backtest`: what rules would have fired, had they been live."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from pipeline.backtest.outcome import run_backtest
from pipeline.backtest.planning import Place, plan
from pipeline.backtest.summary import summaries
from pipeline.cli.backtest_table import Told, backtest_facts, notes, summary_table
from pipeline.cli.backtest_timeline import timeline
from pipeline.cli.compared_range import database_of, progress_told
from pipeline.cli.configuration import load, resolve
from pipeline.cli.console import out, print_json, say
from pipeline.cli.figures import count, moment
from pipeline.cli.history import history
from pipeline.cli.moments import moment_ms
from pipeline.core.rules import Rule
from pipeline.errors import FatalError
from pipeline.history.live_episodes import fired_live
from pipeline.kept_windows import kept_windows
from pipeline.rules_file import load_rules
from pipeline.settings import Settings


def backtest(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A rules file or preset:NAME.")],
    begin: Annotated[
        str, typer.Option("--from", help="From when on, in event time: 2h ago, or 2026-11-22T10:00 (UTC).")
    ],
    end: Annotated[str, typer.Option("--to", help="Up to when; else to the last pane that is closed.")] = "0s",
    against_live: Annotated[
        bool, typer.Option("--against-live", help="Also how often rules of the same names fired live.")
    ] = False,
    shown: Annotated[int, typer.Option("--lines", min=0, help="Lines of the timeline, at most.")] = 30,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout and nothing else.")] = False,
) -> None:
    """Run rules over ClickHouse's history with the live engine: what would have fired when, and how often.

    Every step is decided as it is live when the watermark passes it; early looks are left out.
    """
    settings = load()
    rules = _rules(file, settings)
    now_ms = time.time_ns() // 1_000_000
    from_ms, to_ms = moment_ms(begin, now_ms), moment_ms(end, now_ms)
    if from_ms >= to_ms:
        raise typer.BadParameter(f"--from {begin} is not before --to {end}")
    told = _told(resolve(settings, kafka=False), rules, (from_ms, to_ms), live=against_live, quiet=as_json)
    if as_json:
        print_json(backtest_facts(told))
    else:
        _show(told, shown)


def _rules(file: str, settings: Settings) -> list[Rule]:
    rules = load_rules(Path(file), kept_windows(settings))
    if not rules:
        raise FatalError(f"{file} has no rule that is enabled: there is nothing to run")
    return rules


def _told(settings: Settings, rules: list[Rule], range_ms: tuple[int, int], *, live: bool, quiet: bool) -> Told:
    began_s = time.monotonic()
    # As the user who may write: the tables behind the views hold what a view would have to add up.
    with history(settings, reader=False) as client:
        place = Place(client, database_of(settings), settings)
        planned = plan(place, *range_ms, rules)
        with progress_told(quiet=quiet) as tell:
            episodes = run_backtest(place, rules, planned, lambda done, steps: tell("steps", done, steps))
        fired = fired_live(client, place.database, planned.span) if live else None
    span = planned.span
    found = summaries([rule.name for rule in rules], episodes, span.from_ms, span.to_ms)
    return Told(planned, found, list(episodes), fired, time.monotonic() - began_s)


def _show(told: Told, shown: int) -> None:
    span = told.planned.span
    if shown and told.episodes:
        out.print(timeline(told.episodes, span.from_ms, span.to_ms, out.width, shown))
    out.print(summary_table(told))
    say("")
    steps = (span.to_ms - span.from_ms) // span.pane_ms
    say(
        f"{moment(span.from_ms)} to {moment(span.to_ms)} UTC: {count(steps)} steps of {span.pane_ms // 1_000} s, "
        f"{len(told.summaries)} rules, in {told.seconds:.1f} s."
    )
    for note in notes(told):
        say(note)
