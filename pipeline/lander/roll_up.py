"""Roll-ups: slots of closed minutes and hours, added over their sources, for ranges of weeks and months.

A roll-up is an INSERT … SELECT … FINAL into a Replacing table, so rolling the same range again changes nothing, and
rolling it after more slots have landed replaces it. A materialized view would add copies up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.clickhouse_client import connect
from pipeline.core.block import ADDITIVE
from pipeline.lander.clickhouse_codes import first_line
from pipeline.lander.migrate import Client
from pipeline.lander.rows import DAY_MS
from pipeline.lander.threads import in_loose_thread
from pipeline.settings import Settings

ROLL_SECONDS = 60.0
HOUR_MS = 3_600_000
LOOK_BACK_SECONDS = 7_200
"""Slots that landed so long before the last roll-up are looked at again: an hour that was open then is closed now."""
GIVE_UP_SECONDS = 3_600
"""A pane that nobody closes (its source is gone) is rolled up all the same after this long."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Level:
    """One roll-up: its table, and how long its panes are."""

    table: str
    seconds: int


LEVELS = (Level("panes_1m_log", 60), Level("panes_1h_log", 3_600))


def roll_up(client: Client, settings: Settings, from_ms: int, to_ms: int, levels: Sequence[Level] = LEVELS) -> None:
    """Roll up all panes that start in ``[from_ms, to_ms)``, rounded outwards to whole panes of each level.

    A day at a time. Only what the slots still hold can be rolled up: a pane whose slots are gone, wholly or in part,
    keeps the roll-up it has, because the one that counts more wins.
    """
    for level in levels:
        level_ms = level.seconds * 1_000
        end_ms = -(-to_ms // level_ms) * level_ms
        for start_ms in range(from_ms // level_ms * level_ms, end_ms, DAY_MS):
            bounds: dict[str, object] = {"from_ms": start_ms, "to_ms": min(start_ms + DAY_MS, end_ms)}
            client.command(_statement(settings.database, level), bounds)


def roll_up_new(client: Client, settings: Settings) -> int:
    """Roll up every closed hour, and its minutes, for which slots landed since its last roll-up; return how many."""
    fresh = client.query(_fresh_hours(settings.database)).result_rows
    rolled = 0
    for (hour_s,) in fresh:
        start_ms = int(str(hour_s)) * 1_000
        bounds: dict[str, object] = {"from_ms": start_ms, "to_ms": start_ms + HOUR_MS}
        if client.query(_is_closed(settings.database), bounds).result_rows[0][0]:
            roll_up(client, settings, start_ms, start_ms + HOUR_MS)
            rolled += 1
    return rolled


async def keep_rolling(settings: Settings, stop: asyncio.Event) -> None:
    """Roll up what is new every minute until `stop` is set; an error of ClickHouse waits for the next minute."""
    while not stop.is_set():
        try:
            await in_loose_thread("roll-up", _once, settings)
        except ClickHouseError as error:
            log.warning("no roll-up now, again in %.0f s: %s", ROLL_SECONDS, first_line(error))
        try:
            await asyncio.wait_for(stop.wait(), ROLL_SECONDS)
        except TimeoutError:
            continue


def _once(settings: Settings) -> None:
    client = connect(settings)
    try:
        roll_up_new(client, settings)
    finally:
        client.close()


def _fresh_hours(database: str) -> str:
    return f"""
        SELECT toUnixTimestamp(hour) FROM (
            SELECT toStartOfHour(pane_start) AS hour, max(landed_at) AS landed FROM {database}.slots_log
            WHERE landed_at >= (
                SELECT greatest(max(rolled_at), toDateTime({LOOK_BACK_SECONDS}, 'UTC')) - {LOOK_BACK_SECONDS}
                FROM {database}.panes_1h_log
            )
            GROUP BY hour
        ) AS slots
        LEFT JOIN (
            SELECT toDateTime(pane_start, 'UTC') AS hour, max(rolled_at) AS rolled
            FROM {database}.panes_1h_log GROUP BY hour
        ) AS panes USING hour
        WHERE landed >= rolled
        ORDER BY hour"""  # noqa: S608 - the database is one word, checked by Settings


def _is_closed(database: str) -> str:
    return f"""
        SELECT min(final) OR max(landed_at) < now() - {GIVE_UP_SECONDS} FROM {database}.slots_log FINAL
        WHERE pane_start >= fromUnixTimestamp64Milli({{from_ms:Int64}})
            AND pane_start < fromUnixTimestamp64Milli({{to_ms:Int64}})"""  # noqa: S608 - as above


def _statement(database: str, level: Level) -> str:
    sums = ", ".join(f"sum(s.{name})" for name in ADDITIVE)
    return f"""
        INSERT INTO {database}.{level.table} (
            pane_start, pane_seconds, environment, service, operation, dimensions, slots, {", ".join(ADDITIVE)},
            latency_min_us, latency_max_us, latency_index, latency_count, status_code, status_count, received_at
        )
        SELECT
            toStartOfInterval(s.pane_start, toIntervalSecond({level.seconds})) AS start, {level.seconds},
            s.environment, s.service, s.operation, s.dimensions, count(), {sums},
            min(s.latency_min_us), max(s.latency_max_us),
            sumMap(s.latency_index, s.latency_count).1, sumMap(s.latency_index, s.latency_count).2,
            sumMap(s.status_code, s.status_count).1, sumMap(s.status_code, s.status_count).2, max(s.received_at)
        FROM {database}.slots_log AS s FINAL
        WHERE s.pane_start >= fromUnixTimestamp64Milli({{from_ms:Int64}})
            AND s.pane_start < fromUnixTimestamp64Milli({{to_ms:Int64}})
        GROUP BY start, s.environment, s.service, s.operation, s.dimensions
        SETTINGS async_insert = 0"""  # noqa: S608 - the database is one word, checked by Settings
