"""How far the slots that are kept go, and when each series was last seen before a time."""

from __future__ import annotations

from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from pipeline.core.series import Series
from pipeline.history.expected_slots import Span
from pipeline.history.slot_columns import SERIES, listed


@dataclass(frozen=True, slots=True)
class Extent:
    """Starts of the first and the last pane that are kept, and how many slots a span has; 0 each where nothing is."""

    first_ms: int
    last_ms: int
    in_span: int


def stored_extent(client: Client, database: str, span: Span) -> Extent:
    """Return how far the slots go."""
    first_ms, last_ms, in_span = client.query(f"""
        SELECT toUnixTimestamp64Milli(min(pane_start)), toUnixTimestamp64Milli(max(pane_start)),
            countIf({span.holds("pane_start")})
        FROM {database}.slots_log""").result_rows[0]
    return Extent(int(first_ms), int(last_ms), int(in_span))


def last_seen(client: Client, database: str, span: Span) -> dict[Series, int]:
    """Return the end of the last pane with an event of each series that had any in a span."""
    found = client.query(f"""
        SELECT {listed(f"toString({name})" for name in SERIES)},
            max(toUnixTimestamp64Milli(pane_start) + pane_seconds * 1000)
        FROM {database}.slots_log WHERE {span.holds("pane_start")} AND events + error_events > 0
        GROUP BY {listed(SERIES)}""").result_rows
    return {Series(*map(str, names)): int(at_ms) for *names, at_ms in found}
