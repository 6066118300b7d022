"""`pipeline rules set`, `disable`, `enable`, `delete`, `reset`: rules that change while everything runs."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

import typer

from pipeline.cli.configuration import load, resolve
from pipeline.cli.console import print_json, say, warn
from pipeline.cli.order_options import AsJson, By, author
from pipeline.cli.rules_held import below_control
from pipeline.cli.rules_history import changes_text
from pipeline.core.rule_orders import Action, RuleOrder, Value
from pipeline.rule_control import change_rules
from pipeline.rules_changes import Note, Wanted, delete, disable, enable, order_for, set_values, withdraw
from pipeline.rules_overlay import read_value

Name = Annotated[str, typer.Argument(metavar="NAME", help="The rule, as it is listed.")]
Because = Annotated[str, typer.Option("--because", metavar="TEXT", help="Why, for whoever reads the history.")]


def set_rule(
    name: Name,
    because: Because,
    threshold: Annotated[
        list[str] | None,
        typer.Option("--threshold", "-t", metavar="SEVERITY=VALUE", help="A threshold, such as critical=5%."),
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option("--key", "-k", metavar="KEY=VALUE", help="Any key of a rules file: for=2m, match.service=pay."),
    ] = None,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Change a rule, or make a new one (--key type=…); every evaluator goes by it within seconds, also after a restart.

    Values are written as in a rules file; null takes away what the file says. It comes before file and environment.
    """
    given = [("severities.", one) for one in threshold or []] + [("", one) for one in key or []]
    if not given:
        raise typer.BadParameter("say what to change: --threshold critical=5% or --key for=2m")
    _change(name, "set", set_values(dict(_pair(before, one) for before, one in given)), by, because, as_json)


def disable_rule(name: Name, because: Because, by: By = "", as_json: AsJson = False) -> None:
    """Switch a rule off; its alerts end at the next step."""
    _change(name, "disabled", disable, by, because, as_json)


def enable_rule(name: Name, because: Because, by: By = "", as_json: AsJson = False) -> None:
    """Switch a rule on, whoever has switched it off: a command, the environment or the file."""
    _change(name, "enabled", enable, by, because, as_json)


def delete_rule(name: Name, because: Because, by: By = "", as_json: AsJson = False) -> None:
    """Delete a rule that was made by command; one of the file is switched off, and its changes are forgotten."""
    _change(name, "deleted", delete, by, because, as_json)


def reset_rule(
    name: Name,
    because: Because,
    key: Annotated[
        list[str] | None, typer.Option("--key", "-k", metavar="KEY", help="Only this, such as severities.critical.")
    ] = None,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Withdraw what commands changed about a rule: what the environment and the file say holds again."""
    _change(name, "reset", withdraw(key or []), by, because, as_json)


def _change(name: str, action: Action, wanted: Wanted, by: str, because: str, as_json: bool) -> None:
    if not because.strip():
        raise typer.BadParameter("--because is empty; say why, for whoever asks later")
    settings = resolve(load(), clickhouse=False)
    below, note = below_control(settings), Note(time.time_ns() // 1_000_000, author(by), because.strip())
    order = asyncio.run(change_rules(settings, lambda orders: order_for(below, orders, name, action, wanted, note)))
    if as_json:
        print_json(order)
    elif order is None:
        say(f"Rule {name} is so already; nothing was changed.")
    else:
        _tell(order, action, has_file=below.has(name))


def _tell(order: RuleOrder, action: Action, *, has_file: bool) -> None:
    last = order.changes[-1]
    say(f"Rule {order.name} {action} by {last.by}: {changes_text(last)}. Evaluators go by it from their next step on.")
    if action == "set" and order.values.get("enabled") is False:
        warn(f"It is switched off: `pipeline rules enable {order.name}`.")
    if not order.values and not has_file:
        say("It was made by command, so it is gone now.")


def _pair(before: str, text: str) -> tuple[str, Value]:
    path, sign, value = text.partition("=")
    if not sign or not path.strip() or path.strip() == "name":
        raise typer.BadParameter(f"{text!r}; allowed: KEY=VALUE, such as for=2m; a rule's name can't be changed")
    try:
        return before + path.strip(), read_value(value)  # type: ignore[return-value]  # what is read again by its rule
    except ValueError as error:
        raise typer.BadParameter(f"{text!r}; allowed: {error}") from None
