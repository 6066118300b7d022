"""Notices to send: alerts as the pipeline makes them, and some that try to break out of a message."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from pipeline.notifier.message import Notification
from schemas.structs import Alert, AlertSample

AT_MS = 1_795_356_190_000  # 2026-11-22 14:03:10 UTC
SQL = (
    "SELECT * FROM operations WHERE timestamp >= toDateTime64('2026-11-22 13:58:20.000', 3, 'UTC') "
    "AND timestamp < toDateTime64('2026-11-22 14:03:20.000', 3, 'UTC') AND environment = 'prod' AND service = 'checkout' "
    "AND operation = 'pay' AND success = false AND outcome != 'cancelled' ORDER BY timestamp DESC LIMIT 100"
)
NASTY = "<!channel> *bold* </td><script>alert(1)</script> & ``` \r\nBcc: everyone@example.com \x00\x1b[31m \u202e ok"


def event(number: int = 1, message: str = "card declined: upstream timed out after 3000 ms") -> AlertSample:
    return AlertSample(
        event_id=f"0198a1b2-0000-7000-8000-{number:012d}",
        timestamp_ms=AT_MS + number,
        request_id=f"req-{number:05d}",
        message=message,
    )


def alert(**changes: Any) -> Alert:
    made = Alert(
        alert_id="4f1c2a9be07d3c58",
        episode=3,
        sequence=2,
        rule="error-rate",
        rule_type="error_rate",
        state="firing",
        previous_state="pending",
        severity="critical",
        environment="prod",
        service="checkout",
        operation="pay",
        series="prod/checkout/pay",
        value=0.0731,
        threshold=0.05,
        comparison=">",
        unit="ratio",
        window="5m",
        window_start_ms=AT_MS - 290_000,
        window_end_ms=AT_MS + 10_000,
        samples=1_412,
        step_end_ms=AT_MS + 10_000,
        watermark_ms=AT_MS + 5_000,
        decided="early",
        completeness=0.9375,
        started_ms=AT_MS,
        fired_ms=AT_MS + 10_000,
        notify=True,
        notify_reason="NOTIFY_FIRST",
        summary="error rate of prod/checkout/pay is 7.31 % over 5m (threshold 5 %, 1412 calls)",
        labels={"team": "payments"},
        runbook="https://runbooks.example.com/checkout?from=alert&step=1",
        sample_events=[event(1), event(2, "gateway answered 502"), event(3)],
        sql=SQL,
    )
    return msgspec.structs.replace(made, **changes)


def over() -> Alert:
    return alert(
        state="resolved",
        previous_state="firing",
        value=0.004,
        sequence=3,
        resolved_ms=AT_MS + 370_000,
        summary="error rate of prod/checkout/pay is back at 0.4 % over 5m (threshold 2 %, 1388 calls)",
        sample_events=[],
    )


def notification(**changes: Any) -> Notification:
    made = Notification(
        key="g1-0001-ops",
        group="service=checkout,environment=prod",
        kind="firing",
        severity="critical",
        title="error rate of prod/checkout/pay is 7.31 % over 5m",
        alerts=(alert(),),
    )
    return replace(made, **changes)


def resolved(**changes: Any) -> Notification:
    return notification(**{"key": "g1-0003-ops", "kind": "resolved", "alerts": (over(),)} | changes)


def nasty() -> Notification:
    """Return a notice whose every text tries to be something else."""
    events = [event(1, NASTY), event(2, NASTY * 200)]
    one = alert(summary=NASTY, rule=NASTY, series=NASTY, service=NASTY, environment=NASTY, sql=NASTY * 300)
    one = msgspec.structs.replace(one, sample_events=events, labels={NASTY: NASTY}, runbook="javascript:alert(1)")
    return notification(title=NASTY * 20, alerts=(one,), text=NASTY, key=NASTY, group=NASTY * 20)


def huge(count: int = 200) -> Notification:
    """Return a notice about many alerts, each with much to say."""
    events = [event(number, "x" * 5_000) for number in range(20)]
    many = [alert(alert_id=f"{number:016x}", sql=SQL * 20, sample_events=events) for number in range(count)]
    return notification(alerts=tuple(many), omitted=7)
