"""Critical errors back as the signals that they were, in the order in which the live engine may have heard of them."""

from __future__ import annotations

from collections.abc import Iterator

from clickhouse_connect.driver.client import Client

from pipeline.core.alert_signal import MESSAGE_CHARACTERS
from pipeline.core.records import Signal
from pipeline.history.expected_slots import Span

_DAY_MS = 86_400_000
_MARGIN_MS = 3_600_000
"""Errors that are out of order by more than this in their partition are ordered as if they were not."""


def stored_signals(client: Client, database: str, span: Span) -> Iterator[tuple[int, Signal]]:
    """Yield every critical error of a span, ascending, with the event time at which it was there.

    That is its own time, or that of an error before it in its partition, if that is later: an engine that hears of them
    in another order than that of their offsets takes them for duplicates.
    """
    for first_ms in range(span.from_ms, span.to_ms, _DAY_MS):
        yield from _of_day(client, database, Span(first_ms, min(first_ms + _DAY_MS, span.to_ms), span.pane_ms))


def _of_day(client: Client, database: str, day: Span) -> Iterator[tuple[int, Signal]]:
    around = Span(day.from_ms - _MARGIN_MS, day.to_ms + _MARGIN_MS, day.pane_ms)
    found = client.query(f"""
        SELECT there_ms, epoch, source, offset, idx, at_ms, environment, service, operation, error_type, message,
            event_id, user_id, request_id, trace_id
        FROM (
            SELECT *, max(at_ms) OVER (
                PARTITION BY epoch, source ORDER BY offset, idx ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            ) AS there_ms
            FROM (
                SELECT epoch, concat(toString(topic), '-', toString(partition)) AS source, offset, idx,
                    toUnixTimestamp64Milli(timestamp) AS at_ms, toString(environment) AS environment,
                    toString(service) AS service, toString(operation) AS operation, toString(error_type) AS error_type,
                    leftUTF8(message, {MESSAGE_CHARACTERS}) AS message, event_id, user_id, request_id, trace_id
                FROM {database}.errors_log FINAL PREWHERE {around.holds("timestamp")} WHERE severity = 'critical'
            )
        )
        WHERE there_ms >= {day.from_ms} AND there_ms < {day.to_ms}
        ORDER BY there_ms, epoch, source, offset, idx""")
    for there_ms, epoch, source, offset, index, at_ms, *texts in found.result_rows:
        environment, service, operation, error_type, message, event_id, *ids = map(str, texts)
        user_id, request_id, trace_id = (one or None for one in ids)
        yield (
            int(there_ms),
            Signal(
                epoch=int(epoch),
                source=str(source),
                offset=int(offset),
                index=int(index),
                timestamp_ms=int(at_ms),
                environment=environment,
                service=service,
                operation=operation,
                error_type=error_type,
                message=message,
                event_id=event_id,
                user_id=user_id,
                request_id=request_id,
                trace_id=trace_id,
            ),
        )
