"""How complete an alert's window was: what became of the events that its service's producers made in it."""

from __future__ import annotations

import msgspec
from clickhouse_connect.driver.client import Client

from pipeline.cli.ledger_query import Range
from pipeline.core.series import OVERFLOW
from pipeline.errors import FatalError

_ALERT = """
SELECT sequence, state, rule, environment, service, operation, summary,
    toUnixTimestamp64Milli(window_start), toUnixTimestamp64Milli(window_end),
    if(JSONHas(json, 'completeness'), JSONExtract(json, 'completeness', 'Nullable(Float64)'), NULL)
FROM alerts WHERE alert_id = {alert:String}
ORDER BY state = 'firing' DESC, if(state = 'firing', sequence, -sequence) LIMIT 1
"""
_LOOK_BACK_MS = 3_600_000
"""A producer belongs to a service that it sent events of, in the window or in the hour before it."""


class AlertWindow(msgspec.Struct, frozen=True):
    """The transition of an alert by which it fired (else its last), and its window.

    `sources_ratio` is the alert's own `completeness`: the share of sources whose watermark had passed the window's end
    when it was decided.
    """

    alert_id: str
    sequence: int
    state: str
    rule: str
    environment: str
    service: str
    operation: str
    summary: str
    window_start_ms: int
    window_end_ms: int
    sources_ratio: float | None


def read_alert(client: Client, alert_id: str) -> AlertWindow:
    """Return the alert as it fired; raises FatalError where the history has none with this id."""
    found = client.query(_ALERT, {"alert": alert_id}).result_rows
    if not found:
        raise FatalError(
            f"The history has no alert {alert_id!r}. `pipeline alerts --all --json` shows each one's alert_id; it "
            "lands a second or two after it was raised."
        )
    return AlertWindow(alert_id, *found[0])


def window_of(alert: AlertWindow, settled_ms: int) -> Range:
    """Return the alert's window as a range of the ledger, in event time, of boots that sent events of its service."""
    return Range(
        from_ms=alert.window_start_ms,
        to_ms=alert.window_end_ms,
        settled_ms=settled_ms,
        happened=True,
        environment=alert.environment,
        service="" if alert.service == OVERFLOW else alert.service,
        look_back_ms=_LOOK_BACK_MS,
    )
