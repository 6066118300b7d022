"""What the slots of a span should be: raw rows added up, as SQL.

First by source, pane and operation; then every operation is counted in its service and in the whole as well, which is
cheaper than counting each row three times.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.core.histogram import MAX_US
from pipeline.core.series import OVERFLOW
from pipeline.history.buckets import bucket_sql
from pipeline.history.cut import CUT
from pipeline.history.slot_columns import NONE_YET, Form, listed

_GROUP = ("epoch", "source", "pane_ms", "environment", "service", "operation")

_OPERATION_ROW = f"""
    toUInt64(weight) AS w, NOT success AND outcome != 'cancelled' AS failed, toString(outcome) AS ended, duration_us,
    status_code AS status, {bucket_sql(f"least(duration_us, {MAX_US})")} AS bucket"""
_OPERATIONS = f"""
    count() AS events, sum(w) AS calls, sumIf(w, failed) AS failures,
    sumIf(w, failed AND ended = 'client_error') AS client_errors, sumIf(w, failed AND ended = 'timeout') AS timeouts,
    sumIf(w, ended = 'cancelled') AS cancelled, toUInt64(0) AS error_events,
    toUInt64(0) AS errors_warning, toUInt64(0) AS errors_error, toUInt64(0) AS errors_critical,
    sum(least(duration_us, {MAX_US}) * w) AS latency_sum_us, sumIf(w, duration_us > {MAX_US}) AS latency_clamped,
    toInt64(min(least(duration_us, {MAX_US}))) AS latency_min_us,
    toInt64(max(least(duration_us, {MAX_US}))) AS latency_max_us"""
_ERROR_ROW = "toUInt64(weight) AS w, toString(severity) AS graveness"
_ERRORS = f"""
    toUInt64(0) AS events, toUInt64(0) AS calls, toUInt64(0) AS failures, toUInt64(0) AS client_errors,
    toUInt64(0) AS timeouts, toUInt64(0) AS cancelled, count() AS error_events,
    sumIf(w, graveness = 'warning') AS errors_warning, sumIf(w, graveness = 'error') AS errors_error,
    sumIf(w, graveness = 'critical') AS errors_critical,
    toUInt64(0) AS latency_sum_us, toUInt64(0) AS latency_clamped,
    toInt64({NONE_YET["latency_min_us"]}) AS latency_min_us, toInt64({NONE_YET["latency_max_us"]}) AS latency_max_us"""


@dataclass(frozen=True, slots=True)
class Span:
    """A span of event time, ``[from_ms, to_ms)``, in panes of one length."""

    from_ms: int
    to_ms: int
    pane_ms: int

    def holds(self, column: str) -> str:
        """Return the SQL condition that a DateTime64(3) column lies in the span."""
        return (
            f"{column} >= fromUnixTimestamp64Milli({self.from_ms}) AND "
            f"{column} < fromUnixTimestamp64Milli({self.to_ms})"
        )


@dataclass(frozen=True, slots=True)
class Rows:
    """Which raw rows count.

    `late`: of the late ones none (``""``), all (``"all"``), or those that a repaired slot has counted (``"repaired"``).
    `overflowed`: a source has more series in a pane than the cap allows; those without a slot of their own count in the
    overflow series, where there is a slot of it. `series`: a condition on environment, service and operation.
    """

    late: str = ""
    overflowed: bool = False
    series: str = "true"


def expected_slots(database: str, span: Span, rows: Rows, form: Form) -> str:
    """Return a query of the slots that the settled raw rows of a span make: `SLOT_KEY`, the form's columns, more.

    `last_offset` is the last one counted, `late` how many late events are, `received_ms` when the last was received.
    Its statement begins with `BUCKET_ENDS` and has the parameters of a `Cut`.
    """
    counted = _levels(_by_operation(database, span, rows, form, one_by_one=False), form)
    if rows.late == "repaired":
        late = _levels(_by_operation(database, span, rows, form, one_by_one=True), form)
        counted += f" UNION ALL {_in_repaired(database, span, late)}"
    return f"""
        SELECT {listed(_GROUP)}, '' AS dimensions, {form.summed("e.")},
            max(e.last_offset) AS last_offset, sum(e.late) AS late, max(e.received_ms) AS received_ms
        FROM ({counted}) AS e GROUP BY {listed(_GROUP)}"""


def _levels(by_operation: str, form: Form) -> str:
    """Return the query that gives a row for the operation, its service and the whole."""
    return f"""
        SELECT epoch, source, pane_ms, environment, level.1 AS service, level.2 AS operation,
            {listed(form.columns)}, last_offset, late, received_ms
        FROM (SELECT * EXCEPT (service, operation), service AS s, operation AS o FROM ({by_operation}))
        ARRAY JOIN arrayDistinct([(s, o), (s, ''), ('', '')]) AS level"""


def _by_operation(database: str, span: Span, rows: Rows, form: Form, *, one_by_one: bool) -> str:
    """Return the query of both raw tables by source, pane and operation; of late rows alone, by offset as well."""
    by = f"GROUP BY {listed(_GROUP)}{', offset' if one_by_one else ''}"
    tables = (
        ("operations_log", _OPERATION_ROW, f"{_OPERATIONS}, {form.of_rows}"),
        ("errors_log", _ERROR_ROW, f"{_ERRORS}, {form.of_nothing}"),
    )
    return " UNION ALL ".join(
        f"""
        SELECT {listed(_GROUP)}, {listed(form.columns)}, last_offset, late, received_ms FROM (
            SELECT {listed(_GROUP)}, {columns},
                max(offset) AS last_offset, countIf(is_late) AS late, max(received) AS received_ms
            FROM ({_settled(database, span, rows, table, row, one_by_one=one_by_one)}) {by}
        )"""
        for table, row, columns in tables
    )


def _settled(database: str, span: Span, rows: Rows, table: str, row: str, *, one_by_one: bool) -> str:
    """Return the settled rows of one raw table, each once, with the series that they count in."""
    identity = "epoch, topic, partition, offset, idx"
    late = f"(({identity}) IN (SELECT {identity} FROM {database}.late_events_log WHERE {span.holds('pane_start')}))"
    is_late = "true" if one_by_one else late if rows.late == "all" else "false"
    chosen = late if one_by_one else "true" if rows.late == "all" else f"NOT {late}"
    # Copies of a row agree in their times, so those can be chosen before FINAL merges.
    settled = f"""
        SELECT c.epoch AS epoch, c.source AS source, r.* EXCEPT (epoch, topic, partition)
        FROM (
            SELECT epoch, toString(topic) AS topic, partition, offset, toUnixTimestamp64Milli(received_at) AS received,
                toString(environment) AS environment, toString(service) AS service, toString(operation) AS operation,
                intDiv(toUnixTimestamp64Milli(timestamp), {span.pane_ms}) * {span.pane_ms} AS pane_ms,
                {is_late} AS is_late, {row}
            FROM {database}.{table} FINAL PREWHERE {span.holds("timestamp")} WHERE {chosen} AND ({rows.series})
        ) AS r INNER JOIN {CUT} AS c ON r.epoch = c.epoch AND r.topic = c.topic AND r.partition = c.partition
        WHERE r.offset < c.position AND r.pane_ms + {span.pane_ms} <= c.closed_ms"""
    return _renamed(database, span, settled) if rows.overflowed else settled


def _renamed(database: str, span: Span, source: str) -> str:
    """Return the rows of `source` under the series that their source partition counted them in."""
    pane, service = "epoch, source, pane_ms", "epoch, source, pane_ms, environment, service"
    slots = f"""
        SELECT epoch, source, toUnixTimestamp64Milli(pane_start) AS pane_ms, environment, service, operation
        FROM {database}.slots_log WHERE {span.holds("pane_start")} AND pane_seconds = {span.pane_ms // 1_000}"""
    return f"""
        SELECT * EXCEPT (environment, service, operation, series),
            series.1 AS environment, series.2 AS service, series.3 AS operation
        FROM (
            SELECT *, multiIf(
                ({service}, operation) IN (SELECT {service}, operation FROM ({slots})),
                (environment, service, operation),
                operation != '' AND ({service}) IN (SELECT {service} FROM ({slots}) WHERE operation = '{OVERFLOW}'),
                (environment, service, '{OVERFLOW}'),
                ({service}) NOT IN (SELECT {service} FROM ({slots}) WHERE operation = '')
                    AND ({pane}) IN (SELECT {pane} FROM ({slots}) WHERE service = '{OVERFLOW}'),
                ('{OVERFLOW}', '{OVERFLOW}', if(operation = '', '', '{OVERFLOW}')),
                (environment, service, operation)
            ) AS series
            FROM ({source})
        )"""


def _in_repaired(database: str, span: Span, late: str) -> str:
    """Return those of the late rows that a repaired slot has counted: the slot's version says up to which offset."""
    key = " AND ".join(f"l.{name} = s.{name}" for name in _GROUP)
    return f"""
        SELECT l.* FROM ({late}) AS l INNER JOIN (
            SELECT epoch, toString(source) AS source, toUnixTimestamp64Milli(pane_start) AS pane_ms,
                toString(environment) AS environment, toString(service) AS service, toString(operation) AS operation,
                version
            FROM {database}.slots_log FINAL
            WHERE {span.holds("pane_start")} AND pane_seconds = {span.pane_ms // 1_000} AND repaired > 0
        ) AS s ON {key} WHERE l.last_offset <= s.version"""
