"""`pipeline ack`: somebody looks after an alert, so that it is not repeated."""

from __future__ import annotations

import asyncio
from difflib import get_close_matches
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from pipeline.cli.configuration import load, resolve
from pipeline.cli.console import out, print_json, say
from pipeline.cli.current_alerts import current_alerts
from pipeline.cli.figures import moment
from pipeline.cli.order_options import AsJson, By, Comment, For, Until, author, now_ms, span_of, span_text
from pipeline.core.alert_state import ACTIVE
from pipeline.core.notices import ordering
from pipeline.core.notices.orders import Acknowledgement, Orders
from pipeline.errors import FatalError
from pipeline.notifier.journal import read_book
from pipeline.notifier.ordering import read_orders, write_orders
from pipeline.settings import Settings


def ack(
    name: Annotated[str, typer.Argument(metavar="ALERT_ID", help="The alert, or its group. Without: list.")] = "",
    lasts: For = "",
    until: Until = "",
    ending: Annotated[bool, typer.Option("--end", help="End the acknowledgement now.")] = False,
    by: By = "",
    comment: Comment = "",
    as_json: AsJson = False,
) -> None:
    """Acknowledge an alert, or a whole group by its id: it is not repeated until the end, and its end is told.

    What is new in the group, and what gets graver, is told too. Without an id: list what is acknowledged.
    """
    settings = resolve(load(), clickhouse=False)
    orders = asyncio.run(read_orders(settings))
    if not name:
        _list(orders, as_json=as_json)
        return
    order = _ended(orders, name, by) if ending else _begun(orders, name, lasts, until, by, comment)
    asyncio.run(write_orders(settings, [order], orders.outdated(now_ms())))
    if as_json:
        print_json(order)
    elif ending:
        say(f"{name} is no longer acknowledged.")
    else:
        say(f"{name} is acknowledged by {order.author}, {span_text(order.starts_ms, order.ends_ms)}.")
    if not ending and (warning := asyncio.run(_unknown(settings, name))):
        say(warning)


async def _unknown(settings: Settings, name: str) -> str:
    """Return what to say of an id that no active alert has and no group; nothing of one that is known."""
    alerts = [one.alert_id for one in await current_alerts(settings) if one.state in ACTIVE]
    names = [*alerts, *(group.id for group in (await read_book(settings)).groups.values())]
    if name in names:
        return ""
    meant = get_close_matches(name, names, 1)
    hint = f"did you mean {meant[0]}? " if meant else ""
    return f"No alert that is active has this id, and no group: {hint}`pipeline alerts` has the ids."


def _begun(orders: Orders, name: str, lasts: str, until: str, by: str, comment: str) -> Acknowledgement:
    at_ms = now_ms()
    span = span_of("", lasts, until, at_ms)
    before = orders.acknowledgements.get(name)
    try:
        return ordering.acknowledgement(name, span, author=author(by), comment=comment, now_ms=at_ms, before=before)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _ended(orders: Orders, name: str, by: str) -> Acknowledgement:
    order = orders.acknowledgements.get(name)
    if order is None or order.ends_ms <= now_ms():
        raise FatalError(f"{name} is not acknowledged. `pipeline ack` lists what is.")
    return ordering.ended(order, by=author(by), now_ms=now_ms())


def _list(orders: Orders, *, as_json: bool) -> None:
    found = sorted(
        (one for one in orders.acknowledgements.values() if one.holds(now_ms())), key=lambda one: one.ends_ms
    )
    if as_json:
        print_json(found)
    elif not found:
        say("Nothing is acknowledged.")
    else:
        table = Table("alert or group", "until", "by", "comment", box=None, pad_edge=False, header_style="bold")
        for one in found:
            table.add_row(escape(one.id), moment(one.ends_ms), escape(one.author), escape(one.comment))
        out.print(table)
