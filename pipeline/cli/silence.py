"""`pipeline silence`: keeps people from being told of alerts, until an end that there always is."""

from __future__ import annotations

import asyncio
from secrets import token_hex
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from pipeline.cli.configuration import load, resolve
from pipeline.cli.console import out, print_json, say
from pipeline.cli.figures import moment
from pipeline.cli.order_options import AsJson, By, Comment, For, Until, author, now_ms, span_of, span_text
from pipeline.core.notices import ordering
from pipeline.core.notices.matching import FIELDS, Matcher, shown
from pipeline.core.notices.orders import Silence
from pipeline.errors import FatalError
from pipeline.notifier.ordering import read_orders, write_orders
from pipeline.settings import Settings

silence = typer.Typer(no_args_is_help=True, help="Silences: keep people from being told of alerts for a while.")


@silence.command()
def add(
    match: Annotated[
        list[str] | None,
        typer.Option("--match", "-m", metavar="NAME=GLOB", help="Which alerts; several must all fit."),
    ] = None,
    everything: Annotated[bool, typer.Option("--everything", help="All alerts there are.")] = False,
    lasts: For = "",
    until: Until = "",
    begins: Annotated[str, typer.Option("--from", metavar="TIME", help="From when; by default from now on.")] = "",
    by: By = "",
    comment: Comment = "",
    as_json: AsJson = False,
) -> None:
    """Silence alerts. Who was told that one fires is told of its end all the same.

    A name is a field of the alert (environment, service, operation, rule, rule_type, severity, series) or a label.
    What still fires when the silence ends is told then.
    """
    settings = resolve(load(), clickhouse=False)
    if bool(match) == everything:
        raise typer.BadParameter("say which alerts: --match service=checkout, or --everything")
    at_ms = now_ms()
    span = span_of(begins, lasts, until, at_ms)
    try:
        order = ordering.silence(
            token_hex(4), _matchers(match or []), span, author=author(by), comment=comment, now_ms=at_ms
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    asyncio.run(_add(settings, order))
    if as_json:
        print_json(order)
    else:
        say(
            f"Silence {order.id}: {shown(order.matchers)}, {span_text(*span)}. "
            f"`pipeline silence end {order.id}` ends it sooner."
        )


@silence.command("list")
def list_silences(
    everything: Annotated[bool, typer.Option("--all", help="Also those that have ended.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the silences that hold or will."""
    settings = resolve(load(), clickhouse=False)
    at_ms = now_ms()
    found = asyncio.run(read_orders(settings)).silences.values()
    chosen = sorted((one for one in found if everything or one.ends_ms > at_ms), key=lambda one: one.ends_ms)
    if as_json:
        print_json(chosen)
    elif chosen:
        out.print(_table(chosen, at_ms))
    else:
        say("There are no silences.")


@silence.command()
def end(
    name: Annotated[str, typer.Argument(metavar="ID", help="Its id, as it is listed.")],
    by: By = "",
) -> None:
    """End a silence now. What still fires is told."""
    settings = resolve(load(), clickhouse=False)
    order = asyncio.run(read_orders(settings)).silences.get(name)
    if order is None:
        raise FatalError(f"There is no silence {name}. `pipeline silence list` shows what there is.")
    try:
        order = ordering.ended(order, by=author(by), now_ms=now_ms())
    except ValueError as error:
        raise FatalError(f"Silence {name}: {error} ({moment(order.ends_ms)}).") from None
    asyncio.run(write_orders(settings, [order]))
    say(f"Silence {name} has ended.")


async def _add(settings: Settings, order: Silence) -> None:
    orders = await read_orders(settings)
    await write_orders(settings, [order], orders.outdated(now_ms()))


def _matchers(texts: list[str]) -> tuple[Matcher, ...]:
    found = []
    for text in texts:
        name, sign, glob = text.partition("=")
        if not name or not sign:
            fields = ", ".join(FIELDS)
            raise typer.BadParameter(f"--match {text!r}; allowed: NAME=GLOB, where NAME is a label or {fields}")
        found.append(Matcher(name, tuple(glob.split("|"))))
    return tuple(found)


def _table(silences: list[Silence], at_ms: int) -> Table:
    table = Table("id", "alerts", "from", "until", "by", "comment", box=None, pad_edge=False, header_style="bold")
    for one in silences:
        state = "" if one.holds(at_ms) else " (ended)" if one.ends_ms <= at_ms else " (to come)"
        table.add_row(
            one.id + state,
            escape(shown(one.matchers)),
            moment(one.starts_ms),
            moment(one.ends_ms),
            escape(one.author),
            escape(one.comment),
        )
    return table
