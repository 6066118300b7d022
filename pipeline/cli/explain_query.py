"""What ClickHouse knows of an alert, or of a rule on a series at one time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from clickhouse_connect.driver.client import Client

from pipeline.core.series import Series
from schemas.structs import AlertSample

_NAMES = (
    *("decision_id", "rule", "rule_type", "rule_version", "environment", "service", "operation", "dimensions"),
    *("decided", "state", "previous_state", "severity", "alert_id", "sequence", "reason", "notice", "value"),
    *("threshold", "comparison", "unit", "samples", "min_samples", "window", "completeness"),
    *("channel", "held_by", "author", "answer"),
)
_TIMES = ("step_end", "since", "window_start", "window_end", "watermark", "until", "held")
_OF_ALERTS = {
    "decision_id": "''", "rule_version": "''", "reason": "''", "notice": "notify_reason", "min_samples": "NULL",
    "since": "step_end", "completeness": "JSONExtract(json, 'completeness', 'Nullable(Float64)')",
    "watermark": "fromUnixTimestamp64Milli(JSONExtract(json, 'watermark_ms', 'Nullable(Int64)'), 'UTC')",
    **dict.fromkeys(("channel", "held_by", "author", "answer"), "''"),
    **dict.fromkeys(("until", "held"), "CAST(NULL, 'Nullable(DateTime64(3))')"),
}  # fmt: skip
_THIS = "environment = {environment:String} AND service = {service:String} AND operation = {operation:String}"
_SERIES = f"{_THIS} AND dimensions = {{dimensions:String}}"
_AT = "fromUnixTimestamp64Milli({at:Int64}, 'UTC')"
_WINDOWS = f"SELECT * FROM window_stats WHERE {_SERIES} AND step_end = {_AT}"  # noqa: S608 - all of it is ours
_LAST = f"""
SELECT toUnixTimestamp64Milli(maxOrNull(step_end)) FROM window_stats_log WHERE {_SERIES} AND step_end <= {_AT}
"""  # noqa: S608
_NEWEST = """
SELECT toUnixTimestamp64Milli(maxOrNull(step_end)) FROM window_stats_log
WHERE environment = {environment:String} AND service = ''
"""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One decision as ClickHouse has it; of an alert whose decision has not landed, `reason` is empty."""

    decision_id: str
    rule: str
    rule_type: str
    rule_version: str
    environment: str
    service: str
    operation: str
    dimensions: str
    decided: str
    state: str
    previous_state: str
    severity: str
    alert_id: str
    sequence: int
    reason: str
    notice: str
    value: float | None
    threshold: float | None
    comparison: str
    unit: str
    samples: int | None
    min_samples: int | None
    window: str
    completeness: float | None
    step_end_ms: int
    since_ms: int
    window_start_ms: int
    window_end_ms: int
    watermark_ms: int | None
    channel: str = ""
    held_by: str = ""
    author: str = ""
    answer: str = ""
    until_ms: int | None = None
    held_ms: int | None = None

    @property
    def at_ms(self) -> int:
        """When it was decided: of what the notifier held back by its clock, else in event time."""
        return self.step_end_ms if self.held_ms is None else self.held_ms

    @property
    def series(self) -> Series:
        """What it is about."""
        return Series(self.environment, self.service, self.operation, self.dimensions)


class Windows(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a series' windows: of the step that holds the time asked for, by window; and when there is any.

    `last_ms` is the newest step of the series up to that time; `newest_ms` of the environment, at any time.
    """

    step_end_ms: int | None = None
    by_name: Mapping[str, Mapping[str, float | None]] = {}
    last_ms: int | None = None
    newest_ms: int | None = None


def read_alert(client: Client, alert_id: str) -> list[Told]:
    """Return every transition of an alert and every decision about it, in order."""
    decisions = _told(client, "alert_decisions", "alert_id = {alert:String}", {"alert": alert_id})
    alerts = _told(client, "alerts", "alert_id = {alert:String}", {"alert": alert_id}, _OF_ALERTS)
    return merged(decisions, alerts)


def read_samples(client: Client, alert_id: str) -> list[AlertSample]:
    """Return the events that the newest transition of an alert with any showed."""
    rows = client.query(
        "SELECT JSONExtractRaw(json, 'sample_events') AS samples FROM alerts "
        "WHERE alert_id = {alert:String} AND JSONLength(json, 'sample_events') > 0 ORDER BY sequence DESC LIMIT 1",
        {"alert": alert_id},
    ).result_rows
    return msgspec.json.decode(rows[0][0], type=list[AlertSample]) if rows else []


def read_around(client: Client, rule: str, series: Series, from_ms: int, to_ms: int) -> list[Told]:
    """Return what was decided of a rule on a series in a time, both ends included."""
    between = "step_end BETWEEN fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND " + _AT
    asked = {"rule": rule, **series._asdict(), "from": from_ms, "at": to_ms}
    where = f"rule = {{rule:String}} AND {_SERIES} AND {between}"
    return merged(_told(client, "alert_decisions", where, asked), _told(client, "alerts", where, asked, _OF_ALERTS))


def read_last_change(client: Client, rule: str, series: Series, at_ms: int) -> Told | None:
    """Return the last transition of a rule on a series up to a time."""
    where = f"rule = {{rule:String}} AND {_SERIES} AND step_end <= {_AT}"
    asked = {"rule": rule, **series._asdict(), "at": at_ms}
    found = _told(client, "alerts", where, asked, _OF_ALERTS, "DESC, sequence DESC LIMIT 1")
    return found[0] if found else None


def read_windows(client: Client, series: Series, at_ms: int, pane_ms: int) -> Windows:
    """Return what the windows of a series held at the end of the step that a time lies in."""
    end_ms = -(-at_ms // pane_ms) * pane_ms
    asked = {**series._asdict(), "at": end_ms}
    rows = client.query(_WINDOWS, asked)
    by_name = {str(row["window"]): row for row in rows.named_results()}
    return Windows(
        step_end_ms=end_ms,
        by_name=by_name,
        last_ms=client.query(_LAST, asked).result_rows[0][0],
        newest_ms=client.query(_NEWEST, asked).result_rows[0][0],
    )


def _told(
    client: Client,
    table: str,
    where: str,
    asked: Mapping[str, object],
    instead: Mapping[str, str] | None = None,
    order: str = "",
) -> list[Told]:
    instead = instead or {}
    columns = [f"{instead.get(name, 't.' + name)} AS told_{name}" for name in _NAMES]
    columns += [f"toUnixTimestamp64Milli({instead.get(name, 't.' + name)}) AS told_{name}_ms" for name in _TIMES]
    query = f"SELECT {', '.join(columns)} FROM {table} AS t WHERE {where} ORDER BY step_end {order}"  # noqa: S608 - all of it is ours
    rows = client.query(query, dict(asked)).result_rows
    names = (*_NAMES, *(f"{name}_ms" for name in _TIMES))
    return [Told(**dict(zip(names, row, strict=True))) for row in rows]


def merged(decisions: Sequence[Told], alerts: Sequence[Told]) -> list[Told]:
    """Return all decisions, and the transitions whose decision has not landed."""
    known = {(one.alert_id, one.sequence) for one in decisions if one.notice}
    found = [*decisions, *(one for one in alerts if (one.alert_id, one.sequence) not in known)]
    return sorted(found, key=_place)


def _place(one: Told) -> tuple[int, int, bool, bool]:
    """Where a decision stands in a story. The notifier hears of a transition when it is there: an early one sooner."""
    held = one.held_ms is not None
    return max(one.step_end_ms, one.at_ms), one.sequence, held, one.decided != "early"
