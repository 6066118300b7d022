"""What stands above a notification: one sentence about all of its alerts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from pipeline.core.notices.groups import ON, gravity
from schemas.structs import Alert

LISTED = 20
"""Alerts in one notification, at most; the rest is a number."""

_LETTERS = 200


def moment(time_ms: int) -> str:
    """Return an instant for people: ``2026-11-22 14:03:10 UTC``."""
    return f"{datetime.fromtimestamp(time_ms // 1_000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def in_order(alerts: Sequence[Alert]) -> list[Alert]:
    """Return alerts as a notification lists them: what is on before what is over, then the gravest, then the oldest."""
    return sorted(alerts, key=lambda one: (one.state not in ON, -gravity(one.severity), one.started_ms, one.alert_id))


def title_of(alerts: Sequence[Alert], labels: Sequence[tuple[str, str]]) -> str:
    """Return the sentence; `labels` are what the group's alerts have in common."""
    if len(alerts) == 1:
        return alerts[0].summary[:_LETTERS]
    on = sum(alert.state in ON for alert in alerts)
    counts = [f"{count} {word}" for count, word in ((on, "firing"), (len(alerts) - on, "resolved")) if count]
    common = "/".join(value for _, value in labels if value)
    rules = ", ".join(dict.fromkeys(alert.rule for alert in alerts))
    return f"{common + ': ' if common else ''}{' and '.join(counts)} ({rules})"[:_LETTERS]
