"""What a range of the history holds before it is compared: panes of which length, how many rows, and what is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from clickhouse_connect.driver.client import Client

from pipeline.errors import FatalError
from pipeline.history.cut import CUT, Cut
from pipeline.history.expected_slots import Span
from pipeline.settings import Settings

ROWS_AT_ONCE = 3_000_000
"""Raw rows and slots that one statement compares, at most, unless one pane has more: bounds ClickHouse's memory."""

_DAY_MS = 86_400_000
_MARGIN_MS = 3_600_000
"""A slot is received a little later than its rows; rows this close to their end are not relied on."""


@dataclass(frozen=True, slots=True)
class Load:
    """Raw rows and slots of one pane."""

    start_ms: int
    rows: int


def pane_length_ms(client: Client, database: str, from_ms: int, to_ms: int, settings: Settings) -> int:
    """Return the length of the panes in a range; FatalError where there are panes of several lengths."""
    span = Span(from_ms, to_ms, 1)
    found = client.query(f"""
        SELECT pane_seconds, toUnixTimestamp64Milli(min(pane_start)), toUnixTimestamp64Milli(max(pane_start))
        FROM {database}.slots_log WHERE {span.holds("pane_start")} GROUP BY pane_seconds ORDER BY 2
    """).result_rows
    if len(found) > 1:
        spans = "; ".join(f"{seconds} s from {_time(first)} to {_time(last)}" for seconds, first, last in found)
        raise FatalError(
            f"The range has panes of several lengths, since PIPELINE_PANE_SECONDS was changed: {spans}. Choose a range "
            "in which all panes have one length"
        )
    return int(found[0][0]) * 1_000 if found else settings.pane_seconds * 1_000


def check_kept(client: Client, database: str, span: Span, settings: Settings, now_ms: int) -> None:
    """Raise FatalError where raw rows or slots of the range are, or may be, gone; it says what can be compared.

    Retention counts from when Kafka received a row. So a range of the last days is whole, and an older one is, if
    there is something in it and all of that was received lately (a log of 2017 that was published today).
    """
    days = min(settings.raw_days, settings.slots_days)
    kept_ms = now_ms - days * _DAY_MS + _MARGIN_MS
    if span.from_ms >= kept_ms:
        return
    parts = " UNION ALL ".join(
        f"SELECT toUnixTimestamp64Milli({time}) AS at, toUnixTimestamp64Milli(received_at) AS received "
        f"FROM {database}.{table} WHERE {span.holds(time)}"
        for table, time in (("operations_log", "timestamp"), ("errors_log", "timestamp"), ("slots_log", "pane_start"))
    )
    rows, oldest_ms, last_gone_ms = client.query(
        f"SELECT count(), min(received), maxIf(at, received < {kept_ms}) FROM ({parts})"
    ).result_rows[0]
    if rows and oldest_ms >= kept_ms:
        return
    first_ms = (max(int(last_gone_ms), 0) // span.pane_ms + 1) * span.pane_ms if rows else kept_ms
    if first_ms >= span.to_ms:
        first_ms = kept_ms
    begin = _time(-(-first_ms // span.pane_ms) * span.pane_ms)
    raise FatalError(
        f"Raw rows are kept for {settings.raw_days} days and slots for {settings.slots_days} "
        "(PIPELINE_RAW_DAYS, PIPELINE_SLOTS_DAYS), counted from when Kafka received them: of "
        f"{_time(span.from_ms)} to {_time(span.to_ms)} UTC some are gone, or may be. What can be compared begins at "
        f"{begin} UTC: --from {begin}"
    )


def load_of(client: Client, database: str, span: Span) -> list[Load]:
    """Return the panes of a range that hold raw rows or slots, ascending. Copies count too: it is about work."""
    parts = " UNION ALL ".join(
        f"SELECT intDiv(toUnixTimestamp64Milli({time}), {span.pane_ms}) AS pane, count() AS counted "
        f"FROM {database}.{table} WHERE {span.holds(time)} GROUP BY pane"
        for table, time in (("operations_log", "timestamp"), ("errors_log", "timestamp"), ("slots_log", "pane_start"))
    )
    found = client.query(f"SELECT pane, sum(counted) FROM ({parts}) GROUP BY pane ORDER BY pane").result_rows
    return [Load(int(pane) * span.pane_ms, int(rows)) for pane, rows in found]


def chunks(load: Sequence[Load], pane_ms: int, rows_at_once: int = ROWS_AT_ONCE) -> Iterator[tuple[Span, int]]:
    """Yield spans that hold all panes, each of at most so many rows unless one pane has more, and their rows."""
    first: Load | None = None
    rows = end_ms = 0
    for one in load:
        if first is not None and rows + one.rows > rows_at_once:
            yield Span(first.start_ms, end_ms, pane_ms), rows
            first, rows = None, 0
        first = first or one
        rows, end_ms = rows + one.rows, one.start_ms + pane_ms
    if first is not None:
        yield Span(first.start_ms, end_ms, pane_ms), rows


def unsettled(client: Client, database: str, span: Span, cut: Cut) -> dict[str, int]:
    """Return how many raw rows and slots of a range are not settled yet: panes that are open, rows on their way."""
    pane = f"intDiv(toUnixTimestamp64Milli(timestamp), {span.pane_ms}) * {span.pane_ms}"
    rows = sum(
        int(
            client.query(
                f"""
        SELECT count() FROM (
            SELECT epoch, toString(topic) AS topic, partition, offset, {pane} AS pane_ms
            FROM {database}.{table} FINAL PREWHERE {span.holds("timestamp")}
        ) AS r LEFT JOIN {CUT} AS c ON r.epoch = c.epoch AND r.topic = c.topic AND r.partition = c.partition
        WHERE r.offset >= c.position OR r.pane_ms + {span.pane_ms} > c.closed_ms""",
                cut.parameters(),
            ).result_rows[0][0]
        )
        for table in ("operations_log", "errors_log")
    )
    slots = client.query(
        f"""
        SELECT count() FROM (
            SELECT epoch, toString(source) AS source, toUnixTimestamp64Milli(pane_start) AS pane_ms
            FROM {database}.slots_log FINAL PREWHERE {span.holds("pane_start")}
        ) AS s LEFT JOIN {CUT} AS c ON s.epoch = c.epoch AND s.source = c.source
        WHERE c.source = '' OR s.pane_ms + {span.pane_ms} > c.closed_ms""",
        cut.parameters(),
    ).result_rows[0][0]
    return {"rows": rows, "slots": int(slots)}


def _time(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(int(at_ms) // 1_000, UTC):%Y-%m-%dT%H:%M:%S}"
