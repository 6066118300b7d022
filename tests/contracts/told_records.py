"""Stats records, alerts and dead letters for tests."""

from __future__ import annotations

from typing import Any

from schemas.structs import Alert, AlertDecision, DeadLetter, DeadOutcome, ErrorsBySeverity, StatsRecord, WindowStats
from tests.contracts.kafka_records import NOW_MS


def stats(step_end_ms: int = NOW_MS, *, calls: int = 10, revision: int = 0) -> StatsRecord:
    """Return the stats record of two windows."""
    window = WindowStats(
        start_ms=step_end_ms - 60_000,
        end_ms=step_end_ms,
        events=calls,
        calls=calls,
        failures=1,
        client_errors=0,
        timeouts=0,
        cancelled=0,
        rate_per_second=calls / 60,
        rate_per_minute=float(calls),
        error_rate=1 / calls,
        p95_ms=12.5,
        slow_calls=0,
        slow_per_minute=0.0,
        error_events=2,
        errors_per_second=2 / 60,
        errors_by_severity=ErrorsBySeverity(warning=1, critical=1),
        status_codes={"500": 1, "200": calls - 1},
    )
    return StatsRecord(
        environment="prod",
        service="checkout",
        operation="pay",
        dimensions={"region": "eu", "az": "1"},
        step_end_ms=step_end_ms,
        status="on_time",
        revision=revision,
        windows={"1m": window, "5m": window},
    )


def alert(sequence: int = 1, **changes: Any) -> Alert:
    """Return one transition of one alert."""
    fields: dict[str, Any] = {
        "alert_id": "a1",
        "episode": 1,
        "sequence": sequence,
        "rule": "error-rate",
        "rule_type": "error_rate",
        "state": "firing",
        "previous_state": "inactive",
        "severity": "critical",
        "environment": "prod",
        "service": "checkout",
        "operation": "pay",
        "series": "prod/checkout/pay",
        "value": 0.07,
        "threshold": 0.05,
        "comparison": ">",
        "unit": "ratio",
        "window": "5m",
        "window_start_ms": NOW_MS - 300_000,
        "window_end_ms": NOW_MS,
        "samples": 200,
        "step_end_ms": NOW_MS,
        "decided": "on_time",
        "started_ms": NOW_MS - 10_000,
        "fired_ms": NOW_MS,
        "notify": True,
        "notify_reason": "NOTIFY_FIRST",
        "summary": "7 % of calls failed",
        **changes,
    }
    return Alert(**fields)


def letter(offset: int = 0, **changes: Any) -> DeadLetter:
    """Return one dead letter of the bytes ``not json``."""
    fields: dict[str, Any] = {
        "topic": "events.operations",
        "partition": 3,
        "offset": offset,
        "epoch": 1,
        "append_time_ms": NOW_MS,
        "reason": "not_json",
        "detail": "the bytes are not JSON",
        "value_base64": "bm90IGpzb24=",
        "value_bytes": 8,
        **changes,
    }
    return DeadLetter(**fields)


def outcome(offset: int = 0, **changes: Any) -> DeadOutcome:
    """Return what became of the letter of that offset: it was replayed."""
    fields: dict[str, Any] = {
        "topic": "events.operations",
        "partition": 3,
        "offset": offset,
        "epoch": 1,
        "outcome": "replayed",
        "attempt": 2,
        "decided_ms": NOW_MS + 60_000,
        **changes,
    }
    return DeadOutcome(**fields)


def decision(number: int = 1, **changes: Any) -> AlertDecision:
    """Return the decision not to begin an alert over so many samples."""
    fields: dict[str, Any] = {
        "decision_id": f"d{number}",
        "rule": "error-rate",
        "rule_type": "error_rate",
        "rule_version": "5d1c0b7e",
        "environment": "prod",
        "service": "checkout",
        "operation": "pay",
        "series": "prod/checkout/pay",
        "step_end_ms": NOW_MS - 10_000 * number,
        "decided": "on_time",
        "since_ms": NOW_MS - 10_000 * number,
        "state": "inactive",
        "previous_state": "inactive",
        "reason": "MIN_SAMPLES",
        "value": 0.25,
        "threshold": 0.02,
        "comparison": ">",
        "unit": "ratio",
        "samples": 8,
        "min_samples": 20,
        "window": "5m",
        "window_start_ms": NOW_MS - 300_000,
        "window_end_ms": NOW_MS,
    }
    return AlertDecision(**(fields | changes))
