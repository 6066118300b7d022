"""A notice as a mail: HTML and plain text, threaded by group, marked as coming from a program."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template, select_autoescape

from pipeline.core.notices.titles import moment
from pipeline.notifier.channels.wording import (
    Fact,
    cut,
    events,
    facts,
    heading,
    lines,
    links,
    one_line,
    status,
    unlisted,
)
from pipeline.notifier.message import Notification
from schemas.structs import Alert

SUBJECT_CHARACTERS = 200
TITLE_CHARACTERS = 500
COLOURS = {"info": "#1f5fbf", "warning": "#8a5a00", "error": "#b5400f", "critical": "#b00020"}
"""Dark enough for white text on them."""
OVER_COLOUR = "#1e7145"
_MESSAGE_ID = re.compile(r"<[!-;=?A-~]+@[!-;=?A-~]+>")


@dataclass(frozen=True, slots=True)
class Envelope:
    """From whom to whom, and with which page to open."""

    sender: str
    to: Sequence[str]
    reply_to: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """What the mail shows of one alert."""

    status: str
    colour: str
    summary: str
    rule: str
    series: str
    alert_id: str
    facts: tuple[Fact, ...]
    labels: str
    events: tuple[str, ...]
    sql: str
    links: tuple[Fact, ...]


def mail(notification: Notification, envelope: Envelope, now_ms: int) -> EmailMessage:
    """Return the mail. Its Message-ID is made from the notice's key, so that the same notice has the same one."""
    domain = _domain(envelope.sender)
    root = _message_id(f"group {notification.group}", domain)
    previous = notification.previous or ""
    message = EmailMessage(policy=SMTP)
    message["From"] = envelope.sender
    message["To"] = ", ".join(envelope.to)
    if envelope.reply_to:
        message["Reply-To"] = envelope.reply_to
    message["Subject"] = subject(notification)
    message["Date"] = format_datetime(datetime.fromtimestamp(now_ms // 1_000, UTC))
    message["Message-ID"] = _message_id(f"key {notification.key}", domain)
    message["In-Reply-To"] = previous if _MESSAGE_ID.fullmatch(previous) else root
    # Mail programs put messages with a common ancestor together, whether or not they ever saw it.
    message["References"] = f"{root} {previous}" if _MESSAGE_ID.fullmatch(previous) else root
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence note is sent in answer
    message["X-Auto-Response-Suppress"] = "All"  # the same for Exchange
    message["Importance"] = "high" if _is_urgent(notification) else "normal"
    message["Idempotency-Key"] = one_line(notification.key)
    message["Pipeline-Group"] = one_line(notification.group)
    message["Pipeline-Severity"] = notification.severity
    _fill(message, notification, envelope.link)
    return message


def subject(notification: Notification) -> str:
    """Return the subject: one line with severity and title, and the series where the title names none."""
    title = f"{heading(notification)} {one_line(notification.title)}"
    series = [alert.series for alert in notification.alerts]
    if series and not any(name in title for name in series):
        others = len(series) + notification.omitted - 1
        title += f" ({series[0]}{f' and {others:,} more' if others else ''})"
    return cut(one_line(title), SUBJECT_CHARACTERS)


def card(alert: Alert) -> Card:
    """Return what is shown of an alert."""
    return Card(
        status=status(alert),
        colour=OVER_COLOUR if alert.state in ("resolved", "inactive") else COLOURS[alert.severity],
        summary=one_line(alert.summary),
        rule=one_line(alert.rule),
        series=one_line(alert.series),
        alert_id=alert.alert_id,
        facts=facts(alert),
        labels=one_line(
            ", ".join(f"{name}={value}" for name, value in sorted(alert.labels.items()) if name != "runbook")
        ),
        events=events(alert),
        sql=lines(alert.sql),
        links=tuple(links(alert)),
    )


def _fill(message: EmailMessage, notification: Notification, link: str) -> None:
    shown = {
        "title": cut(one_line(notification.title), TITLE_CHARACTERS),
        "heading": heading(notification),
        "colour": OVER_COLOUR if notification.kind == "resolved" else COLOURS[notification.severity],
        "text": lines(notification.text),
        "cards": [card(alert) for alert in notification.alerts],
        "unlisted": unlisted(notification.omitted),
        "link": link,
        "at": moment(notification.alerts[0].step_end_ms) if notification.alerts else "",
        "group": one_line(notification.group),
    }
    # Quoted-printable: it passes every server, and lines may be as long as they are.
    message.set_content(_template("mail.txt.j2").render(shown), cte="quoted-printable")
    message.add_alternative(_template("mail.html.j2").render(shown), subtype="html", cte="quoted-printable")


@cache
def _template(name: str) -> Template:
    environment = Environment(
        loader=PackageLoader("pipeline.notifier.channels"),
        autoescape=select_autoescape(["html.j2"], default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(name)


def _message_id(text: str, domain: str) -> str:
    return f"<{hashlib.sha256(text.encode()).hexdigest()[:32]}@{domain}>"


def _domain(sender: str) -> str:
    return parseaddr(sender)[1].rpartition("@")[2]


def _is_urgent(notification: Notification) -> bool:
    return notification.severity == "critical" and notification.kind in ("firing", "repeat", "custom")
