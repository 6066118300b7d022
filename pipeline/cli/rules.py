"""`pipeline rules`: what is watched, whether a file is sound, what it would do to made-up traffic or to the history."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from pipeline.cli.configuration import load
from pipeline.cli.console import out, print_json, say, warn
from pipeline.cli.rules_backtest import backtest
from pipeline.cli.rules_change import delete_rule, disable_rule, enable_rule, reset_rule, set_rule
from pipeline.cli.rules_held import below_control, held_rules, here, origins
from pipeline.cli.rules_history import history
from pipeline.cli.rules_outcome import outcome_facts, outcome_line, outcome_table
from pipeline.cli.rules_table import preset_table, rule_facts, rules_table
from pipeline.cli.rules_traffic import one_error_notes, per_hour
from pipeline.core.rule_orders import RuleOrders
from pipeline.core.rules import Rule
from pipeline.kept_windows import kept_windows
from pipeline.rehearsal.outcome import Line, compare, is_good
from pipeline.rehearsal.perform import perform
from pipeline.rehearsal.script_file import load_script
from pipeline.rules_file import DEFAULTS, PRESET, load_rules, presets
from pipeline.rules_layers import Layered
from pipeline.settings import Settings

rules = typer.Typer(
    no_args_is_help=True, help="Rules of alerts: list, check, test, backtest them; change them while everything runs."
)

for _name, _command in (
    *(("set", set_rule), ("disable", disable_rule), ("enable", enable_rule)),
    *(("reset", reset_rule), ("delete", delete_rule), ("history", history)),
):
    rules.command(_name)(_command)

_File = Annotated[
    str, typer.Argument(metavar="[FILE]", help="A rules file or preset:NAME; else PIPELINE_RULES or the defaults.")
]
_AsJson = Annotated[bool, typer.Option("--json", help="JSON on stdout and nothing else.")]


rules.command()(backtest)


@rules.command("list")
def list_rules(
    file: _File = "",
    show_presets: Annotated[bool, typer.Option("--presets", help="The presets that there are, instead.")] = False,
    as_json: _AsJson = False,
) -> None:
    """List the rules of a file, or those that hold here: what each watches, from which value on, how it behaves.

    Those that hold are the file's, with the environment over them, with what was changed at run time over both; the
    last column says where each comes from, and what of it from elsewhere.
    """
    if show_presets:
        print_json(presets()) if as_json else out.print(preset_table(presets()))
        return
    if file:
        settings, orders = load().model_copy(update={"rules": Path(file)}), None
        held = below_control(settings, {}).with_control({})
    else:
        settings, orders = here(load())
        held = held_rules(settings, orders)
    if as_json:
        print_json([rule_facts(one.rule, origins(one, orders), enabled=one.enabled) for one in held.every])
        return
    out.print(rules_table([(one.rule, origins(one, orders)) for one in held.every if one.enabled]))
    _tell_of_others(settings, held, orders)


def _tell_of_others(settings: Settings, held: Layered, orders: RuleOrders | None) -> None:
    """Say which rules do not hold, and why."""
    off = [
        f"{one.rule.name} ({origins(one, orders).get('enabled', one.rule.name)})"
        for one in held.every
        if not one.enabled
    ]
    if off:
        say(f"Switched off: {', '.join(off)}.")
    left_out = _left_out(settings, held)
    if left_out:
        say(f"Left out, as their windows are not kept (PIPELINE_WINDOWS): {', '.join(left_out)}.")
    for name, why in held.refused.items():
        warn(f"What was changed about rule {name} at run time is not in force: {why}.")


@rules.command()
def check(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A rules file or preset:NAME.")],
    traffic: Annotated[
        str, typer.Option(metavar="CALLS", help="How many calls a series has, such as 69/h, 5/m or 0.2/s.")
    ] = "",
) -> None:
    """Check a rules file: every mistake with its line and what is allowed; and what a single error would fire."""
    settings = load()
    calls_per_hour = per_hour(traffic)
    found = _rules(settings, file)
    for text in one_error_notes(found, calls_per_hour):
        out.print(escape(text), soft_wrap=True)
    say(f"{file}: {len(found)} rule{'' if len(found) == 1 else 's'}, no mistakes.")


@rules.command("test")
def rehearse(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Tests: rules, events, expected transitions.")],
    everything: Annotated[bool, typer.Option("--all", help="Also show what came as expected.")] = False,
    as_json: _AsJson = False,
) -> None:
    """Run rules over made-up events with the live engine and compare the transitions with those expected.

    Nothing is needed but the files: no Kafka, no ClickHouse. Exit code 1 where one differs.
    """
    settings = load()
    scripts = [load_script(file, settings) for file in files]
    results = {one.file: compare(one.expected, perform(one, settings), only=one.only) for one in scripts}
    if as_json:
        print_json([outcome_facts(file, lines) for file, lines in results.items()])
    else:
        for file, lines in results.items():
            _tell(file, lines, everything=everything)
    if not all(map(is_good, results.values())):
        sys.exit(1)


def _tell(file: str, lines: list[Line], *, everything: bool) -> None:
    out.print(outcome_line(file, lines))
    if everything or not is_good(lines):
        out.print(outcome_table(lines))


def _rules(settings: Settings, file: str) -> list[Rule]:
    return load_rules(Path(file) if file else settings.rules, kept_windows(settings))


def _left_out(settings: Settings, held: Layered) -> list[str]:
    """Return the names of default rules whose windows are not kept."""
    if settings.rules is not None:
        return []
    every = load_rules(Path(PRESET + DEFAULTS), Settings.model_fields["windows"].default)
    return sorted({one.name for one in every} - {one.rule.name for one in held.every})
