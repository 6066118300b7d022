"""`pipeline notify`: checks the notifications file, sends by hand, and shows what could not be sent."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.configuration import load, resolve
from pipeline.cli.console import complain, out, print_json, say, warn
from pipeline.cli.order_options import AsJson, By, author, now_ms
from pipeline.cli.undelivered import undelivered_now, undelivered_table
from pipeline.core.notices.groups import SEVERITIES
from pipeline.core.notices.notification import Notification
from pipeline.core.notices.orders import Resend
from pipeline.errors import FatalError
from pipeline.notifier.channels.config import unset_secrets
from pipeline.notifier.direct import own_message, routed, send_now
from pipeline.notifier.making import made_channels
from pipeline.notifier.notifications_file import Notifications, load_notifications
from pipeline.notifier.ordering import write_orders
from pipeline.notifier.service import chosen_notifications
from pipeline.notifier.session import Told
from schemas.structs import AlertSeverity

notify = typer.Typer(no_args_is_help=True, help="Notifications: check the file, send by hand, see what was not sent.")

Severity = Annotated[str, typer.Option("--severity", help="info, warning, error or critical.")]
Text = Annotated[str, typer.Argument(metavar="TEXT", help="What to say.")]


@notify.command()
def check(
    file: Annotated[Path | None, typer.Argument(help="By default what PIPELINE_NOTIFICATIONS names.")] = None,
) -> None:
    """Check a notifications file: every mistake with its line. Secrets that are not set here are only mentioned."""
    found = load_notifications(file) if file else chosen_notifications(load())
    for config in found.channels:
        for missing in unset_secrets(config):
            warn(f"{config.name}: {missing}")
    for route in found.plan.routes:
        say(f"route {route.name} → {', '.join(route.channels)}, grouped by {', '.join(route.group_by) or 'nothing'}")
    say(f"No mistakes: {len(found.channels)} channels, {len(found.plan.routes)} routes.")


@notify.command()
def test(channel: Annotated[str, typer.Argument(help="Name of a channel in the notifications file.")]) -> None:
    """Send a test message on one channel, and say whether it was taken."""
    notifications = chosen_notifications(load())
    text = "A test: if you can read this, alerts reach you here."
    _send(notifications, [channel], own_message("test", "info", "Test of the pipeline's notifications", text))


@notify.command()
def send(
    text: Text,
    severity: Severity = "warning",
    environment: Annotated[str, typer.Option("--environment", help="As an alert of this environment.")] = "",
    service: Annotated[str, typer.Option("--service", help="As an alert of this service.")] = "",
    label: Annotated[list[str] | None, typer.Option("--label", metavar="NAME=VALUE", help="As one with this.")] = None,
    title: Annotated[str, typer.Option("--title", help="What stands above it; by default its first line.")] = "",
) -> None:
    """Send an alert of one's own, to the channels that the routes have for its severity, place and labels."""
    notifications = chosen_notifications(load())
    labels, found, headline = dict(map(_label, label or [])), _severity(severity), title or _first_line(text)
    channels = routed(notifications.plan, found, {"environment": environment, "service": service}, labels)
    if not channels:
        raise FatalError("No route fits: nobody was told. `pipeline notify check` shows the routes.")
    _send(notifications, channels, own_message("custom", found, headline, text))


@notify.command()
def broadcast(text: Text, severity: Severity = "info") -> None:
    """Tell everybody: send a message on every channel."""
    notifications = chosen_notifications(load())
    channels = [config.name for config in notifications.channels]
    _send(notifications, channels, own_message("custom", _severity(severity), _first_line(text), text))


@notify.command()
def undelivered(as_json: AsJson = False) -> None:
    """List the messages that their channel did not take, with its last answer."""
    settings = resolve(load(), clickhouse=False)
    found = asyncio.run(undelivered_now(settings))
    if as_json:
        print_json(found)
    elif found:
        out.print(undelivered_table(found))
    else:
        say("Everything was delivered.")


@notify.command()
def resend(
    keys: Annotated[list[str] | None, typer.Argument(metavar="KEY", help="As they are listed.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything that is undelivered.")] = False,
    by: By = "",
) -> None:
    """Have the notifier send undelivered messages again, under the same keys."""
    settings = resolve(load(), clickhouse=False)
    if bool(keys) == everything:
        raise typer.BadParameter("say which messages: by KEY, or --all of them")
    there = {one.key for one in asyncio.run(undelivered_now(settings))}
    if unknown := [key for key in keys or [] if key not in there]:
        raise FatalError(f"Not undelivered: {', '.join(unknown)}. `pipeline notify undelivered` shows what is.")
    chosen = sorted(there) if everything else list(dict.fromkeys(keys or []))
    requests = [Resend(key=key, author=author(by), requested_ms=now_ms()) for key in chosen]
    asyncio.run(write_orders(settings, [*requests]))
    say(f"{len(chosen)} to be sent again.")


def _severity(text: str) -> AlertSeverity:
    if text not in SEVERITIES:
        raise typer.BadParameter(f"--severity {text!r}; allowed: {', '.join(SEVERITIES)}")
    return text


def _label(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not name or not sign:
        raise typer.BadParameter(f"--label {text!r}; allowed: NAME=VALUE, such as team=payments")
    return name, value


def _first_line(text: str) -> str:
    lines = text.strip().splitlines()
    if not lines:
        raise typer.BadParameter("TEXT is empty; say something")
    return lines[0]


def _send(notifications: Notifications, channels: list[str], message: Notification) -> None:
    made = made_channels(notifications)
    if unknown := [name for name in channels if name not in made]:
        raise FatalError(f"There is no channel {', '.join(unknown)}; there are: {', '.join(made)}.")
    failed = asyncio.run(_sent({name: made[name] for name in channels}, message))
    for name in channels:
        if name in failed:
            complain(f"{name}: {failed[name]}")
        else:
            say(f"{name}: sent")
    if failed:
        raise typer.Exit(1)


async def _sent(channels: Mapping[str, Told], message: Notification) -> dict[str, str]:
    try:
        return await send_now(channels, message)
    finally:
        await asyncio.gather(*(told.channel.close() for told in channels.values()))
