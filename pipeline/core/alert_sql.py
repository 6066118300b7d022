"""SQL that shows the events behind an alert, ready to paste: bounds and names are written out."""

from __future__ import annotations

from datetime import UTC, datetime

from pipeline.core.condition_groups import is_of_durations, is_of_failures
from pipeline.core.conditions import OfErrors
from pipeline.core.rules import Rule, SlowOperations
from pipeline.core.series import OVERFLOW, Series

LIMIT = 100
_GRAVER = {
    "warning": "",
    "error": " AND severity IN ('error', 'critical')",
    "critical": " AND severity = 'critical'",
}
_NO_CALL_FAILED = "success = false AND outcome != 'cancelled'"


def quoted(text: str) -> str:
    """Return a string literal for ClickHouse."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def instant(time_ms: int) -> str:
    """Return an instant for comparing with a DateTime64(3, 'UTC') column."""
    # Whole numbers all the way: a float of seconds would round some milliseconds away.
    moment = datetime.fromtimestamp(time_ms // 1_000, UTC)
    return f"toDateTime64('{moment:%Y-%m-%d %H:%M:%S}.{time_ms % 1_000:03d}', 3, 'UTC')"


def _where(series: Series, start_ms: int, end_ms: int) -> str:
    parts = [f"timestamp >= {instant(start_ms)}", f"timestamp < {instant(end_ms)}"]
    names = (("environment", series.environment), ("service", series.service), ("operation", series.operation))
    # A roll-up names no operation, or no service either: all of them are meant. The overflow is no name in the events.
    parts += [f"{column} = {quoted(name)}" for column, name in names if name not in ("", OVERFLOW)]
    return " AND ".join(parts)


def events_sql(rule: Rule, series: Series, start_ms: int, end_ms: int) -> str:
    """Return the query for the calls (or errors) that a rule's value is made of, the worst first."""
    where = _where(series, start_ms, end_ms)
    condition = rule.condition
    if isinstance(condition, OfErrors):
        return _select("errors", f"{where}{_GRAVER[condition.least]}", "timestamp DESC")
    if isinstance(condition, SlowOperations):
        return _select("operations", f"{where} AND duration_us >= {condition.slow_from_us}", "duration_us DESC")
    if is_of_failures(condition):
        client = " AND outcome != 'client_error'" if getattr(condition, "exclude_client_errors", False) else ""
        return _select("operations", f"{where} AND {_NO_CALL_FAILED}{client}", "timestamp DESC")
    order = "duration_us DESC" if is_of_durations(condition) else "timestamp DESC"
    return _select("operations", where, order)


def critical_errors_sql(series: Series, start_ms: int, end_ms: int) -> str:
    """Return the query for the critical errors of a series in a span."""
    return _select("errors", f"{_where(series, start_ms, end_ms)} AND severity = 'critical'", "timestamp DESC")


def _select(view: str, where: str, order: str) -> str:
    return f"SELECT * FROM {view} WHERE {where} ORDER BY {order} LIMIT {LIMIT}"  # noqa: S608 - for people to paste
