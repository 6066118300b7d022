"""A notice as an event of PagerDuty's Events API v2, within its limits."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from pipeline.notifier.channels.wording import cut, events, facts, heading, lines, links, one_line, status
from pipeline.notifier.message import Notification
from schemas.structs import Alert

Action = Literal["trigger", "acknowledge", "resolve"]
Json = dict[str, Any]  # PagerDuty's payloads, checked against their schema in tests

SUMMARY_CHARACTERS = 1_024
DEDUP_KEY_CHARACTERS = 255
NAME_CHARACTERS = 255
EVENT_BYTES_MAX = 512_000  # 512 KB, by either reckoning of a kilobyte
LINKS_MAX = 10
ALERTS_MAX = 100
CLIENT = "event-pipeline"


def dedup_key(group: str) -> str:
    """Return PagerDuty's name for a group; one that is too long is named by its hash."""
    return group if len(group) <= DEDUP_KEY_CHARACTERS else hashlib.sha256(group.encode()).hexdigest()


def ending(action: Action, group: str, routing_key: str) -> bytes:
    """Return the event that acknowledges or resolves a group: it needs no more than its name."""
    return msgspec.json.encode({"routing_key": routing_key, "event_action": action, "dedup_key": dedup_key(group)})


def trigger(notification: Notification, routing_key: str, link_to: str = "") -> bytes:
    """Return the event that opens an incident or adds to it, with as much detail as fits."""
    for details in _details(notification):
        event = msgspec.json.encode(_event(notification, routing_key, link_to, details))
        if len(event) <= EVENT_BYTES_MAX:
            return event
    raise AssertionError("an event without details is too large")  # all that is left is cut to hundreds of characters


def _event(notification: Notification, routing_key: str, link_to: str, details: Json) -> Json:
    found = [
        {"href": url, "text": f"{label}: {alert.rule}"} for alert in notification.alerts for label, url in links(alert)
    ]
    event = {
        "routing_key": routing_key,
        "event_action": "trigger",
        "dedup_key": dedup_key(notification.group),
        "client": CLIENT,
        "payload": _payload(notification, details),
        "links": [one for one in found if len(one["href"]) <= SUMMARY_CHARACTERS][:LINKS_MAX],
    }
    return {**event, "client_url": link_to} if link_to else event


def _payload(notification: Notification, details: Json) -> Json:
    title = one_line(f"{heading(notification)} {notification.title}")
    payload = {
        "summary": cut(title, SUMMARY_CHARACTERS),
        "source": CLIENT,
        "severity": notification.severity,
        "custom_details": details,
    }
    if not notification.alerts:
        return payload
    gravest = notification.alerts[0]
    return payload | {
        "source": _name(gravest.series) or CLIENT,
        "timestamp": datetime.fromtimestamp(gravest.step_end_ms / 1_000, UTC).isoformat(timespec="milliseconds"),
        "component": _name(gravest.service) or "all services",
        "group": _name(gravest.environment),
        "class": gravest.rule_type,
    }


def _name(text: str) -> str:
    return cut(one_line(text), NAME_CHARACTERS)


def _details(notification: Notification) -> Iterator[Json]:
    """Yield ever less of the details: everything, without events and SQL, fewer and fewer alerts, hardly anything."""
    text = {"text": cut(lines(notification.text), 10_000)} if notification.text else {}
    count = min(len(notification.alerts), ALERTS_MAX)
    yield text | _listed(notification, count, full=True)
    while count:
        yield text | _listed(notification, count, full=False)
        count //= 2
    yield _listed(notification, 0, full=False)


def _listed(notification: Notification, count: int, *, full: bool) -> Json:
    details: Json = {"key": cut(notification.key, 255)}
    if notification.alerts:
        details["alerts"] = [_alert(alert, full=full) for alert in notification.alerts[:count]]
    omitted = notification.omitted + len(notification.alerts) - count
    return {**details, "omitted": omitted} if omitted else details


def _alert(alert: Alert, *, full: bool) -> Json:
    told: Json = {
        "status": status(alert),
        "summary": cut(alert.summary, SUMMARY_CHARACTERS),
        "alert_id": alert.alert_id,
        "rule": alert.rule,
        **{fact.label.lower(): fact.text for fact in facts(alert)},
    }
    if full:
        told |= {"labels": alert.labels, "events": events(alert), "sql": lines(alert.sql)}
    return told
