"""A notice as Slack's message: one attachment per alert, in the colour of its severity, within Slack's limits.

Limits: 50 blocks a message, 3,000 characters in a text, 2,000 in a field, 10 fields in a section. About 13,000
characters of blocks in all are refused as `msg_blocks_too_long`, which is told nowhere; so fewer are sent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pipeline.notifier.channels.slack_text import bold, code, escaped, link
from pipeline.notifier.channels.wording import cut, events, facts, heading, lines, links, one_line, status, unlisted
from pipeline.notifier.message import Notification
from schemas.structs import Alert

BLOCKS_MAX = 50
TEXT_CHARACTERS = 3_000
FIELD_CHARACTERS = 2_000
TITLE_CHARACTERS = 1_000
SQL_CHARACTERS = 2_000
MESSAGE_CHARACTERS = 10_000
COLOURS = {"info": "#2F6FDE", "warning": "#E8A317", "error": "#E0561B", "critical": "#C8102E"}
OVER_COLOUR = "#2E8B57"

Json = dict[str, Any]  # Slack's payloads, checked against their schema in tests


def message(notification: Notification, *, link_to: str = "", mention: str = "") -> Json:
    """Return the message without the place where it goes: its text for notifications, and its attachments."""
    title = bold(f"{heading(notification)} {one_line(notification.title)}", TITLE_CHARACTERS)
    parts = [mention, link(link_to, "Open") if link_to else ""]
    return {
        "text": " ".join(part for part in (parts[0], title, parts[1]) if part),
        "attachments": attachments(notification),
        "unfurl_links": False,
        "unfurl_media": False,
    }


def attachments(notification: Notification) -> list[Json]:
    """Return what stands below the title. Alerts that don't fit are told in one line, then only counted."""
    words = lines(notification.text)
    made = [_words(words, notification)] if words else []
    told = 0
    for make in (_full, _short):
        for alert in notification.alerts[told:]:
            attachment = make(alert)
            if not _fits([*made, attachment]):
                break
            made.append(attachment)
            told += 1
    omitted = notification.omitted + len(notification.alerts) - told
    if omitted:
        made.append(_attachment(COLOURS["info"], unlisted(omitted), [_section(unlisted(omitted))]))
    return made


def colour(alert: Alert) -> str:
    """Return an attachment's colour: the severity's, or that of being over."""
    return OVER_COLOUR if alert.state in ("resolved", "inactive") else COLOURS[alert.severity]


def reply(notification: Notification) -> str:
    """Return the line for the thread that says what the edit of the message has changed."""
    return bold(f"{heading(notification)} {one_line(notification.title)}", TITLE_CHARACTERS)


def _fits(made: list[Json]) -> bool:
    blocks = sum(len(attachment["blocks"]) for attachment in made)
    # One block and a line stay free for the number of those that are not listed.
    return blocks < BLOCKS_MAX and len(json.dumps(made, ensure_ascii=False)) < MESSAGE_CHARACTERS


def _full(alert: Alert) -> Json:
    fields = [_mrkdwn(f"*{label}*\n{escaped(text, FIELD_CHARACTERS - 50)}") for label, text in facts(alert)]
    blocks: list[Json] = [_section(_what(alert)), {"type": "section", "fields": fields}]
    if shown := events(alert):
        blocks.append(_section(code("\n".join(cut(event, 300) for event in shown), TEXT_CHARACTERS)))
    if alert.sql:
        blocks.append(_section(code(lines(alert.sql), SQL_CHARACTERS)))
    foot = [link(url, label) for label, url in links(alert)]
    foot.append(escaped(one_line(f"rule {alert.rule} · alert {alert.alert_id}"), 300))
    blocks.append({"type": "context", "elements": [_mrkdwn("  ·  ".join(foot)[:TEXT_CHARACTERS])]})
    return _attachment(colour(alert), _plain(alert), blocks)


def _short(alert: Alert) -> Json:
    return _attachment(colour(alert), _plain(alert), [_section(_what(alert))])


def _words(words: str, notification: Notification) -> Json:
    text = escaped(words, TEXT_CHARACTERS)
    return _attachment(COLOURS[notification.severity], text, [_section(text)])


def _what(alert: Alert) -> str:
    return f"{bold(status(alert), 60)}  {escaped(one_line(alert.summary), 600)}"


def _plain(alert: Alert) -> str:
    return escaped(f"{status(alert)}: {one_line(alert.summary)}", 600)


def _section(text: str) -> Json:
    return {"type": "section", "text": _mrkdwn(text)}


def _mrkdwn(text: str) -> Mapping[str, Any]:
    # Verbatim: a channel or an address that stands in an error's text is no link.
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _attachment(colour_code: str, fallback: str, blocks: list[Json]) -> Json:
    return {"color": colour_code, "fallback": fallback, "blocks": blocks}
