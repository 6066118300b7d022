"""`pipeline rules history`: who changed which rule when, what held before and after, and why."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from pipeline.cli.configuration import load, resolve
from pipeline.cli.console import out, print_json, say
from pipeline.cli.figures import moment
from pipeline.cli.order_options import AsJson
from pipeline.core.rule_orders import RuleChange, RuleOrders, Value
from pipeline.rule_control import read_rule_orders


def history(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="One rule; by default all.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show who changed rules at run time: when, what held before and after, and why. The newest is last."""
    orders = asyncio.run(read_rule_orders(resolve(load(), clickhouse=False)))
    changes = changes_of(orders, name)
    if as_json:
        print_json([{"rule": rule, **msgspec.to_builtins(one)} for rule, one in changes])
    elif changes:
        out.print(_table(changes))
    else:
        say(f"Nothing was changed about {f'rule {name}' if name else 'rules'} at run time.")


def changes_of(orders: RuleOrders, name: str = "") -> list[tuple[str, RuleChange]]:
    """Return all changes of a rule, or of all rules, with its name, the oldest first."""
    chosen = [order for order in orders.by_name.values() if name in ("", order.name)]
    return sorted(((one.name, change) for one in chosen for change in one.changes), key=lambda pair: pair[1].at_ms)


def changes_text(change: RuleChange) -> str:
    """Return what a change changed: ``severities.critical 5% → 9%``."""
    paths = sorted(change.before.keys() | change.after.keys())
    told = [f"{path} {_text(change.before.get(path))} → {_text(change.after.get(path))}" for path in paths]
    return ", ".join(told) or "the values stay as they are"


def _text(value: Value) -> str:
    if value is None:
        return "not set"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _table(changes: list[tuple[str, RuleChange]]) -> Table:
    table = Table("when", "rule", "by", "what", "change", "because", box=None, pad_edge=False, header_style="bold dim")
    for rule, one in changes:
        cells = (moment(one.at_ms), rule, one.by, one.action, changes_text(one), one.because)
        table.add_row(*map(escape, cells))
    return table
