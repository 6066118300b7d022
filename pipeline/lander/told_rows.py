"""What the stream tells, as rows: stats records, alerts, decisions and dead letters."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

import msgspec

from pipeline.decode.ledger_header import Place, place_of_letter
from pipeline.lander.ledger_columns import letter_ledger
from pipeline.lander.records import Record
from pipeline.lander.rows import Column, Origin, Rows
from pipeline.lander.tables import (
    ALERT_DECISIONS,
    ALERT_FIELDS,
    ALERT_TIMES,
    ALERTS,
    DEAD_LETTERS,
    DEAD_OUTCOMES,
    DECISION_FIELDS,
    DECISION_TIMES,
    WINDOW_FIELDS,
    WINDOW_STATS,
)
from schemas.structs import Alert, AlertDecision, DeadLetter, DeadOutcome, StatsRecord, WindowStats


def dimensions_text(dimensions: Mapping[str, str]) -> str:
    """Return dimensions as series have them: sorted name=value, joined by commas."""
    return ",".join(f"{name}={value}" for name, value in sorted(dimensions.items()))


def window_stats_rows(stats: Sequence[tuple[Record, StatsRecord]], epoch: int) -> Rows:
    """Return a row for every window in the stats records of a batch."""
    told = [(record, one, name, window) for record, one in stats for name, window in one.windows.items()]
    columns: dict[str, Column] = {name: [getattr(window, name) for *_, window in told] for name in WINDOW_FIELDS}
    for name in ("environment", "service", "operation", "status", "revision", "completeness"):
        columns[name] = [getattr(one, name) for _, one, _, _ in told]
    columns |= {
        "step_end": [one.step_end_ms for _, one, _, _ in told],
        "window": [name for _, _, name, _ in told],
        "dimensions": [dimensions_text(one.dimensions) for _, one, _, _ in told],
        "window_start": [window.start_ms for *_, window in told],
        "epoch": [epoch] * len(told),
        "offset": [record.offset for record, *_ in told],
        "received_at": [record.timestamp for record, *_ in told],
    }
    columns |= _severities([window for *_, window in told]) | _status_codes([window for *_, window in told])
    return Rows(WINDOW_STATS, len(told), columns, lambda row: Origin(told[row][0], None))


def _severities(windows: Sequence[WindowStats]) -> dict[str, Column]:
    names = ("warning", "error", "critical")
    return {f"errors_{name}": [getattr(window.errors_by_severity, name) for window in windows] for name in names}


def _status_codes(windows: Sequence[WindowStats]) -> dict[str, Column]:
    counted = [sorted((int(code), calls) for code, calls in window.status_codes.items()) for window in windows]
    return {
        "status_code": [[code for code, _ in one] for one in counted],
        "status_count": [[calls for _, calls in one] for one in counted],
    }


def alert_rows(alerts: Sequence[tuple[Record, Alert]]) -> Rows:
    """Return a row for every transition in a batch, with the JSON as it came."""
    columns: dict[str, Column] = {name: [getattr(alert, name) for _, alert in alerts] for name in ALERT_FIELDS}
    columns |= {name: [getattr(alert, f"{name}_ms") for _, alert in alerts] for name in ALERT_TIMES}
    columns |= {
        "dimensions": [dimensions_text(alert.dimensions) for _, alert in alerts],
        "json": [record.value for record, _ in alerts],
        "received_at": [record.timestamp for record, _ in alerts],
    }
    return Rows(ALERTS, len(alerts), columns, lambda row: Origin(alerts[row][0], None))


def decision_rows(decisions: Sequence[tuple[Record, AlertDecision]]) -> Rows:
    """Return a row for every decision about an alert in a batch."""
    columns: dict[str, Column] = {name: [getattr(one, name) for _, one in decisions] for name in DECISION_FIELDS}
    columns |= {name: [getattr(one, f"{name}_ms") for _, one in decisions] for name in DECISION_TIMES}
    columns |= {
        "dimensions": [dimensions_text(one.dimensions) for _, one in decisions],
        "received_at": [record.timestamp for record, _ in decisions],
    }
    return Rows(ALERT_DECISIONS, len(decisions), columns, lambda row: Origin(decisions[row][0], None))


def dead_letter_rows(letters: Sequence[tuple[Record, DeadLetter]]) -> Rows:
    """Return a row for every dead letter in a batch, with its bytes as they were."""
    columns: dict[str, Column] = {
        name: [getattr(letter, name) for _, letter in letters]
        for name in ("epoch", "topic", "partition", "offset", "reason", "detail", "value_bytes", "truncated")
    }
    columns |= {
        "idx": [-1 if letter.index is None else letter.index for _, letter in letters],
        "appended_at": [letter.append_time_ms for _, letter in letters],
        "key": [_bytes(letter.key_base64) for _, letter in letters],
        "value": [_bytes(letter.value_base64) for _, letter in letters],
        "headers": [msgspec.json.encode(letter.headers) for _, letter in letters],
        "received_at": [record.timestamp for record, _ in letters],
        **letter_ledger([_place(letter) for _, letter in letters]),
        "attempt": [letter.attempt for _, letter in letters],
    }
    return Rows(DEAD_LETTERS, len(letters), columns, lambda row: Origin(letters[row][0], None))


def dead_outcome_rows(outcomes: Sequence[tuple[Record, DeadOutcome]]) -> Rows:
    """Return a row for every decision about a dead letter in a batch."""
    columns: dict[str, Column] = {
        name: [getattr(outcome, name) for _, outcome in outcomes]
        for name in ("epoch", "topic", "partition", "offset", "outcome", "attempt")
    }
    columns |= {
        "idx": [-1 if outcome.index is None else outcome.index for _, outcome in outcomes],
        "decided_at": [outcome.decided_ms for _, outcome in outcomes],
        "received_at": [record.timestamp for record, _ in outcomes],
    }
    return Rows(DEAD_OUTCOMES, len(outcomes), columns, lambda row: Origin(outcomes[row][0], None))


def _place(letter: DeadLetter) -> Place | None:
    return place_of_letter([(one.name, _bytes(one.value_base64)) for one in letter.headers], letter.index)


def _bytes(encoded: str | None) -> bytes:
    return b"" if encoded is None else base64.b64decode(encoded)
