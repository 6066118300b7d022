"""Slots against raw rows: the slot invariant, series by series and slot by slot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from clickhouse_connect.driver.client import Client

from pipeline.core.series import OVERFLOW, Series
from pipeline.history.buckets import BUCKET_ENDS
from pipeline.history.comparing import DIFFERS, paired, paired_in_full, slot_sides
from pipeline.history.cut import Cut
from pipeline.history.expected_slots import Rows, Span
from pipeline.history.findings import NOTHING, Compared, Difference, What, columns_that_differ
from pipeline.history.slot_columns import FINGERPRINTS, SLOT_KEY, VECTORS, listed

SETTINGS = {"max_bytes_before_external_group_by": 1_000_000_000}
"""ClickHouse sorts on disk what would take more memory than this."""


def rows_of(client: Client, database: str, span: Span, *, late: str) -> Rows:
    """Return how raw rows of a span count; what it does not hold costs nothing."""
    overflowed, repaired = client.query(f"""
        SELECT countIf(operation = '{OVERFLOW}' OR service = '{OVERFLOW}') > 0, countIf(repaired > 0) > 0
        FROM {database}.slots_log WHERE {span.holds("pane_start")}
    """).result_rows[0]
    return Rows(late if late == "all" or repaired else "", overflowed=bool(overflowed))


def differing_panes(client: Client, database: str, span: Span, cut: Cut, rows: Rows) -> tuple[Compared, dict[int, int]]:
    """Compare the slots of a span; return the counts, and by pane how many of its slots differ."""
    slots, counted, by_pane = client.query(
        f"""{BUCKET_ENDS}
        SELECT sum(slots), sum(counted), groupArrayIf((pane_ms, wrong), wrong > 0) FROM (
            SELECT pane_ms, countIf(is_expected OR alive_) AS slots,
                sumIf(counted_, is_expected AND service = '' AND operation = '') AS counted,
                countIf({DIFFERS}) AS wrong
            FROM ({paired(slot_sides(database, span, rows, FINGERPRINTS))}) GROUP BY pane_ms
        )""",
        cut.parameters(),
        settings=SETTINGS,
    ).result_rows[0]
    wrong = {int(pane_ms): int(count) for pane_ms, count in by_pane}
    differing = {"slots": sum(wrong.values())} if wrong else {}
    return Compared({"slots": int(slots), "raw rows": int(counted)}, differing), wrong


def slot_differences(client: Client, database: str, span: Span, cut: Cut, rows: Rows, most: int) -> list[Difference]:
    """Return the differences of at most so many slots of a span, column by column."""
    found = client.query(
        f"""{BUCKET_ENDS}
        SELECT {listed(SLOT_KEY)}, is_expected, is_found AND alive_, expected, found, last_offset_, version_, position_
        FROM ({paired_in_full(slot_sides(database, span, rows, VECTORS))})
        WHERE {DIFFERS} ORDER BY {listed(SLOT_KEY)} LIMIT {most}""",
        cut.parameters(),
        settings=SETTINGS,
    ).result_rows
    return [one for row in found for one in _named(row)]


def _named(row: Sequence[Any]) -> Iterator[Difference]:
    epoch, source, pane_ms, *names, is_expected, is_found, expected, found, last_offset, version, position = row
    series, where = Series(*names), source if epoch == 1 else f"{source}, epoch {epoch}"
    if not (is_expected and is_found):
        what = What.SLOT_MISSING if is_expected else What.SLOT_WITHOUT_ROWS
        sides = (_events(expected) if is_expected else NOTHING, _events(found) if is_found else NOTHING)
        yield Difference(what, series, pane_ms, where, "events", *sides)
        return
    for column, one, other in columns_that_differ(VECTORS.columns, expected, found):
        yield Difference(What.SLOT, series, pane_ms, where, column, one, other)
    if last_offset > version:
        yield Difference(What.SLOT, series, pane_ms, where, "version", f"at least {last_offset}", str(version))
    if version >= position:
        yield Difference(What.SLOT, series, pane_ms, where, "version", f"below {position}", str(version))


def _events(values: Sequence[Any]) -> str:
    """Return how many events a slot counts: of both kinds, since a source has one kind only."""
    return str(values[_EVENTS] + values[_ERROR_EVENTS])


_EVENTS, _ERROR_EVENTS = VECTORS.columns.index("events"), VECTORS.columns.index("error_events")
