"""The tables that the lander writes, as Arrow schemas. Columns that ClickHouse fills in itself are not among them."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from pipeline.core.block import ADDITIVE

TEXT = pa.string()
BYTES = pa.binary()
BOOL = pa.bool_()
TIME = pa.timestamp("ms", tz="UTC")
FLOAT = pa.float64()
U16, U32, U64 = pa.uint16(), pa.uint32(), pa.uint64()

_LEDGER = {"producer_id": TEXT, "boot_id": TEXT, "sequence": U64}
_ORIGIN = {"epoch": U32, "topic": TEXT, "partition": U32, "offset": U64, "idx": U32, "received_at": TIME, **_LEDGER}
_COMMON = {"timestamp": TIME, "environment": TEXT, "service": TEXT, "event_id": TEXT, "version": TEXT}
_INSTANCE = {"instance": TEXT, "metadata": BYTES}
_CALLER = {
    **dict.fromkeys(("user_id", "device_id", "request_id", "trace_id", "span_id", "parent_span_id"), TEXT),
    "weight": U32,
}
_SERIES = {"environment": TEXT, "service": TEXT, "operation": TEXT, "dimensions": TEXT}


@dataclass(frozen=True, slots=True)
class Table:
    """One table as it is written.

    `day` is the column whose day is the partition. A null in a column that knows none becomes the column's default.
    """

    name: str
    day: str
    schema: pa.Schema


def _table(name: str, day: str, *columns: dict[str, pa.DataType]) -> Table:
    fields = {field: kind for group in columns for field, kind in group.items()}
    return Table(name, day, pa.schema(list(fields.items())))


OPERATIONS = _table(
    "operations_log",
    "timestamp",
    _COMMON,
    _INSTANCE,
    _CALLER,
    {"operation": TEXT, "duration_us": U64, "success": BOOL, "outcome": TEXT, "kind": TEXT, "status_code": U16},
    _ORIGIN,
)
ERRORS = _table(
    "errors_log",
    "timestamp",
    _COMMON,
    _INSTANCE,
    _CALLER,
    {"operation": TEXT, "severity": TEXT, "error_type": TEXT, "fingerprint": TEXT, "message": TEXT, "stack": TEXT},
    _ORIGIN,
)
SAMPLES = _table(
    "samples_log",
    "timestamp",
    _COMMON,
    _INSTANCE,
    {"name": TEXT, "value": FLOAT, "unit": TEXT, "gauge": BOOL},
    _ORIGIN,
)
SLOTS = _table(
    "slots_log",
    "pane_start",
    {"pane_start": TIME, "pane_seconds": U16},
    _SERIES,
    {"source": TEXT, "epoch": U32, "version": U64, "final": BOOL, "shard": U16, "part": U16},
    dict.fromkeys(ADDITIVE, U64),
    {"latency_min_us": pa.int64(), "latency_max_us": pa.int64()},
    {"latency_index": pa.list_(pa.int16()), "latency_count": pa.list_(U64)},
    {"status_code": pa.list_(U16), "status_count": pa.list_(U64), "received_at": TIME},
)
SOURCE_MARKS = _table(
    "source_marks_log",
    "received_at",
    {"epoch": U32, "source": TEXT, "position": U64, "watermark": TIME, "closed_through": TIME, "idle": BOOL},
    {"operations": U64, "errors": U64, "late": U64, "dead": U64, "worker": TEXT, "received_at": TIME},
)
_WINDOW_COUNTS = ("events", "calls", "failures", "client_errors", "timeouts", "cancelled", "slow_calls", "error_events")
_WINDOW_FIGURES = (
    *("rate_per_second", "rate_per_minute", "trend_ratio", "error_rate", "success_rate", "avg_ms", "min_ms", "max_ms"),
    *("p50_ms", "p95_ms", "p99_ms", "p999_ms", "slow_per_minute", "errors_per_second"),
)
WINDOW_FIELDS = (*_WINDOW_COUNTS, *_WINDOW_FIGURES)
"""Columns of `window_stats_log` that are fields of a window in a stats record under the same name."""
WINDOW_STATS = _table(
    "window_stats_log",
    "step_end",
    {"step_end": TIME, "window": TEXT},
    _SERIES,
    {"window_start": TIME, "status": TEXT, "revision": U32, "completeness": FLOAT},
    dict.fromkeys(_WINDOW_COUNTS, U64),
    dict.fromkeys(_WINDOW_FIGURES, FLOAT),
    {"errors_warning": U64, "errors_error": U64, "errors_critical": U64},
    {"status_code": pa.list_(U16), "status_count": pa.list_(U64), "epoch": U32, "offset": U64, "received_at": TIME},
)
_ALERT_TEXTS = (
    *("alert_id", "rule", "rule_type", "state", "previous_state", "severity", "previous_severity", "environment"),
    *("service", "operation", "comparison", "unit", "window", "decided", "notify_reason", "summary"),
)
_ALERT_NUMBERS = {"sequence": U32, "episode": U32, "value": FLOAT, "threshold": FLOAT, "samples": U64, "notify": BOOL}
ALERT_FIELDS = (*_ALERT_TEXTS, *_ALERT_NUMBERS)
"""Columns of `alerts_log` that are fields of an alert under the same name."""
ALERT_TIMES = ("step_end", "window_start", "window_end", "started", "fired", "resolved")
"""Columns of `alerts_log` that are fields of an alert with `_ms` behind the name."""
ALERTS = _table(
    "alerts_log",
    "step_end",
    dict.fromkeys(_ALERT_TEXTS, TEXT),
    _ALERT_NUMBERS,
    dict.fromkeys(ALERT_TIMES, TIME),
    {"dimensions": TEXT, "json": BYTES, "received_at": TIME},
)
_DECISION_TEXTS = (
    *("decision_id", "rule", "rule_type", "rule_version", "environment", "service", "operation", "decided", "state"),
    *("previous_state", "severity", "alert_id", "reason", "notice", "comparison", "unit", "window"),
    *("channel", "held_by", "author", "answer"),
)
_DECISION_NUMBERS = {
    **dict.fromkeys(("value", "threshold", "completeness"), FLOAT),
    "sequence": U32,
    "samples": U64,
    "min_samples": U64,
}
DECISION_FIELDS = (*_DECISION_TEXTS, *_DECISION_NUMBERS)
"""Columns of `alert_decisions_log` that are fields of a decision under the same name."""
DECISION_TIMES = ("step_end", "since", "window_start", "window_end", "watermark", "until", "held")
"""Columns of `alert_decisions_log` that are fields of a decision with `_ms` behind the name."""
ALERT_DECISIONS = _table(
    "alert_decisions_log",
    "step_end",
    dict.fromkeys(_DECISION_TEXTS, TEXT),
    _DECISION_NUMBERS,
    dict.fromkeys(DECISION_TIMES, TIME),
    {"dimensions": TEXT, "received_at": TIME},
)
DEAD_LETTERS = _table(
    "dead_letters_log",
    "appended_at",
    {"epoch": U32, "topic": TEXT, "partition": U32, "offset": U64, "idx": pa.int32(), "appended_at": TIME},
    {"reason": TEXT, "detail": TEXT, "key": BYTES, "value": BYTES, "value_bytes": U64, "truncated": BOOL},
    {"headers": BYTES, "received_at": TIME, **_LEDGER, "events": U32, "attempt": U32},
)
DEAD_OUTCOMES = _table(
    "dead_outcomes_log",
    "decided_at",
    {"epoch": U32, "topic": TEXT, "partition": U32, "offset": U64, "idx": pa.int32(), "decided_at": TIME},
    {"outcome": TEXT, "attempt": U32, "received_at": TIME},
)
LATE_EVENTS = _table(
    "late_events_log",
    "pane_start",
    {"epoch": U32, "topic": TEXT, "partition": U32, "offset": U64, "idx": U32, "pane_start": TIME, "received_at": TIME},
)
_EVENTS = (OPERATIONS, ERRORS, SAMPLES)
ALL = (*_EVENTS, SLOTS, SOURCE_MARKS, WINDOW_STATS, ALERTS, DEAD_LETTERS, LATE_EVENTS, DEAD_OUTCOMES, ALERT_DECISIONS)
