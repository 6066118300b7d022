"""Roll-ups against slots: minutes and hours of every closed hour that has been rolled up, or should have been."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from clickhouse_connect.driver.client import Client

from pipeline.core.series import Series
from pipeline.history.comparing import paired, paired_in_full, rollup_sides
from pipeline.history.expected_slots import Span
from pipeline.history.findings import NOTHING, Compared, Difference, What, columns_that_differ
from pipeline.history.slot_check import SETTINGS
from pipeline.history.slot_columns import FINGERPRINTS, SERIES, VECTORS, listed
from pipeline.lander.roll_up import GIVE_UP_SECONDS, LEVELS, Level

HOUR_MS = 3_600_000
DUE_SECONDS = 300
"""A closed hour whose slots landed longer ago than this should have been rolled up."""

_DIFFERS = "(is_expected != is_found OR NOT is_equal)"
_KEY = ("pane_ms", *SERIES)


@dataclass(frozen=True, slots=True)
class Hour:
    """An hour with slots.

    - `is_closed`: all of them are final, or nothing has come for long
    - `is_rolled`: there are roll-ups; `is_fresh`: younger than all slots
    - `is_due`: the slots landed so long ago that there should be
    """

    span: Span
    is_closed: bool
    is_rolled: bool
    is_fresh: bool
    is_due: bool

    @property
    def is_settled(self) -> bool:
        """Whether its roll-ups can be compared: otherwise the lander will make them anew."""
        return self.is_closed and (self.is_fresh or self.is_due)

    @property
    def is_ours(self) -> bool:
        """Whether a repair makes its roll-ups: otherwise the lander will make the first ones."""
        return self.is_closed and (self.is_rolled or self.is_due)


def hours(client: Client, database: str, span: Span) -> list[Hour]:
    """Return the hours of a span, rounded outwards, that hold slots."""
    first_ms, end_ms = span.from_ms // HOUR_MS * HOUR_MS, -(-span.to_ms // HOUR_MS) * HOUR_MS
    whole = Span(first_ms, end_ms, span.pane_ms)
    found = client.query(f"""
        SELECT hour_ms, closed, rolled > toDateTime(0, 'UTC'), rolled > landed, landed < now() - {DUE_SECONDS} FROM (
            SELECT intDiv(toUnixTimestamp64Milli(pane_start), {HOUR_MS}) * {HOUR_MS} AS hour_ms,
                min(final) OR max(landed_at) < now() - {GIVE_UP_SECONDS} AS closed, max(landed_at) AS landed
            FROM {database}.slots_log FINAL PREWHERE {whole.holds("pane_start")} GROUP BY hour_ms
        ) AS slots LEFT JOIN (
            SELECT toUnixTimestamp64Milli(pane_start) AS hour_ms, max(rolled_at) AS rolled
            FROM {database}.panes_1h_log WHERE {whole.holds("pane_start")} GROUP BY hour_ms
        ) AS panes USING hour_ms ORDER BY hour_ms
    """).result_rows
    return [
        Hour(Span(int(hour_ms), int(hour_ms) + HOUR_MS, span.pane_ms), *(bool(one) for one in facts))
        for hour_ms, *facts in found
    ]


def rollups_compared(client: Client, database: str, span: Span, most: int) -> Compared:
    """Compare the roll-ups of a range, hour by hour."""
    there = hours(client, database, span)
    settled = [hour.span for hour in there if hour.is_settled]
    total = Compared(left_out={"hours of roll-ups": len(there) - len(settled)})
    for hour in settled:
        for level in LEVELS:
            total += rollup_compared(client, database, hour, level, most - len(total.differences))
    return total


def rollup_compared(client: Client, database: str, hour: Span, level: Level, most: int) -> Compared:
    """Compare one roll-up of an hour."""
    count, wrong = client.query(
        f"""SELECT count(), countIf({_DIFFERS})
        FROM ({paired(rollup_sides(database, hour, level.table, level.seconds, FINGERPRINTS))})""",
        settings=SETTINGS,
    ).result_rows[0]
    differences = _differences(client, database, hour, level, most) if wrong and most > 0 else []
    return Compared({"roll-ups": int(count)}, {"roll-ups": int(wrong)} if wrong else {}, {}, differences)


def _differences(client: Client, database: str, hour: Span, level: Level, most: int) -> list[Difference]:
    found = client.query(
        f"""SELECT {listed(_KEY)}, is_expected, is_found, expected, found
        FROM ({paired_in_full(rollup_sides(database, hour, level.table, level.seconds, VECTORS))})
        WHERE {_DIFFERS} ORDER BY {listed(_KEY)} LIMIT {most}""",
        settings=SETTINGS,
    ).result_rows
    return [one for row in found for one in _named(row, level)]


def _named(row: Sequence[Any], level: Level) -> list[Difference]:
    pane_ms, *names, is_expected, is_found, expected, found = row
    series, where = Series(*names), level.table.removesuffix("_log")
    if is_expected and is_found:
        columns = columns_that_differ(VECTORS.columns, expected, found)
        return [Difference(What.ROLLUP, series, pane_ms, where, *one) for one in columns]
    what = What.ROLLUP_MISSING if is_expected else What.ROLLUP_WITHOUT_SLOTS
    events = [
        str(values[0] + values[6]) if there else NOTHING
        for values, there in ((expected, is_expected), (found, is_found))
    ]
    return [Difference(what, series, pane_ms, where, "events", *events)]
