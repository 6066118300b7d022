"""How complete an alert's window was: what became of the events that its service's producers made in it."""

from __future__ import annotations

import msgspec
from clickhouse_connect.driver.client import Client

from pipeline.cli.ledger_query import Account, Line
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

# As in the view `ledger`, but by the time of the event: a refused one's is when Kafka took it in, and a lost one's is
# that of the next event of its boot.
_WINDOW = """
WITH
    boots AS
    (
        SELECT DISTINCT producer_id, boot_id FROM ledger_events
        WHERE timestamp >= fromUnixTimestamp64Milli({back:Int64}, 'UTC')
            AND timestamp < fromUnixTimestamp64Milli({end:Int64}, 'UTC')
            AND environment = {environment:String} AND ({service:String} = '' OR service = {service:String})
    ),
    placed AS
    (
        SELECT e.producer_id AS producer_id, e.boot_id AS boot_id, e.sequence AS sequence, e.fate AS fate,
            e.in_raw AS in_raw, e.received_at AS received_at, ifNull(e.timestamp, e.received_at) AS at,
            at >= fromUnixTimestamp64Milli({start:Int64}, 'UTC') AND at < fromUnixTimestamp64Milli({end:Int64}, 'UTC')
                AS inside
        FROM ledger_events AS e INNER JOIN boots AS b USING (producer_id, boot_id)
    ),
    bounds AS
    (
        SELECT producer_id, boot_id, min(sequence) AS lowest, max(sequence) AS highest
        FROM placed WHERE inside GROUP BY producer_id, boot_id
    ),
    before AS
    (
        SELECT e.producer_id AS producer_id, e.boot_id AS boot_id, max(e.sequence) AS last
        FROM placed AS e INNER JOIN bounds AS b USING (producer_id, boot_id)
        WHERE e.sequence < b.lowest GROUP BY producer_id, boot_id
    )
SELECT
    producer_id, boot_id, countIf(first) + sum(hole) AS produced, countIf(first AND fate = 'counted'),
    countIf(first AND fate = 'late'), countIf(first AND fate = 'dead'), sumIf(hole, settled),
    countIf(first AND fate = 'in flight') + sumIf(hole, NOT settled), countIf(NOT first AND in_raw) AS repeated,
    min(sequence), max(sequence)
FROM
(
    SELECT
        producer_id, boot_id, sequence, fate, in_raw, inside,
        received_at < fromUnixTimestamp64Milli({settled:Int64}, 'UTC') AS settled,
        lagInFrame(toInt64(sequence), 1, before_window) OVER of_boot AS previous,
        sequence > previous AS first, if(first, sequence - previous - 1, 0) AS hole
    FROM
    (
        SELECT e.producer_id AS producer_id, e.boot_id AS boot_id, e.sequence AS sequence, e.fate AS fate,
            e.in_raw AS in_raw, e.received_at AS received_at, e.inside AS inside,
            if(p.producer_id = '', -1, toInt64(p.last)) AS before_window
        FROM placed AS e
        INNER JOIN bounds AS b ON e.producer_id = b.producer_id AND e.boot_id = b.boot_id
        LEFT JOIN before AS p ON e.producer_id = p.producer_id AND e.boot_id = p.boot_id
        WHERE e.sequence >= b.lowest AND e.sequence <= b.highest
    )
    WINDOW of_boot AS (PARTITION BY producer_id, boot_id ORDER BY sequence, fate, in_raw DESC, received_at)
)
WHERE inside
GROUP BY producer_id, boot_id
HAVING produced + repeated > 0
ORDER BY producer_id, boot_id
"""


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


def read_window(client: Client, alert: AlertWindow, settled_ms: int) -> list[Line]:
    """Return a line for every producer and boot with events in the alert's window, in event time."""
    asked = {
        "start": alert.window_start_ms,
        "end": alert.window_end_ms,
        "back": alert.window_start_ms - _LOOK_BACK_MS,
        "settled": settled_ms,
        "environment": alert.environment,
        "service": "" if alert.service == OVERFLOW else alert.service,
    }
    return [
        Line(who, boot, None, Account(*numbers[:7]), *numbers[7:])
        for who, boot, *numbers in client.query(_WINDOW, asked).result_rows
    ]
