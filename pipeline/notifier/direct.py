"""Messages that a command sends itself, past the notifier: a test, something of one's own, a word to everybody."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from secrets import token_hex

from pipeline.core.notices.notification import Kind, Notification
from pipeline.core.notices.plan import Plan
from pipeline.notifier.attempt import attempt
from pipeline.notifier.session import Told
from schemas.structs import Alert, AlertSeverity

ATTEMPTS = 3
_WAIT_SECONDS = 1.0


def own_message(kind: Kind, severity: AlertSeverity, title: str, text: str) -> Notification:
    """Return a message that is about no alert."""
    key = token_hex(8)
    return Notification(key=key, group=key, kind=kind, severity=severity, title=title, text=text)


def routed(plan: Plan, severity: AlertSeverity, place: Mapping[str, str], labels: Mapping[str, str]) -> list[str]:
    """Return the channels that an alert with this severity, place and labels would be told on, each once.

    `place` may have environment, service, operation and rule.
    """
    alert = _alert_like(severity, place, labels)
    return list(dict.fromkeys(channel for route in plan.routes_of(alert) for channel in route.channels))


async def send_now(channels: Mapping[str, Told], notification: Notification) -> dict[str, str]:
    """Send on all these channels at the same time; return what went wrong, by channel, after three attempts each."""
    answers = await asyncio.gather(*(_send(told, notification) for told in channels.values()))
    return {name: answer for name, answer in zip(channels, answers, strict=True) if answer}


async def _send(told: Told, notification: Notification) -> str:
    answer = ""
    for number in range(ATTEMPTS):
        if number:
            await asyncio.sleep(_WAIT_SECONDS * number)
        made = await attempt(told.channel, notification, told.limits.timeout_s)
        answer = made.answer
        if made.permanent or not answer:
            break
    return answer


def _alert_like(severity: AlertSeverity, place: Mapping[str, str], labels: Mapping[str, str]) -> Alert:
    series = "/".join(place.get(part, "") for part in ("environment", "service", "operation")).rstrip("/")
    return Alert(
        alert_id="",
        episode=1,
        sequence=1,
        rule=place.get("rule", ""),
        rule_type="",
        state="firing",
        previous_state="inactive",
        severity=severity,
        environment=place.get("environment", ""),
        service=place.get("service", ""),
        operation=place.get("operation", ""),
        series=series,
        comparison="",
        unit="",
        window="",
        window_start_ms=0,
        window_end_ms=0,
        samples=0,
        step_end_ms=0,
        decided="signal",
        started_ms=0,
        notify=True,
        notify_reason="",
        summary="",
        labels=dict(labels),
    )
