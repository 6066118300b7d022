"""Rows in the tables: kept by when they were received, split by day, newest version only."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from pipeline.core import records as panes_records
from pipeline.core.series import Series
from pipeline.lander.contents import read_contents
from pipeline.lander.event_rows import Reading, operation_rows
from pipeline.lander.rows import DAY_MS
from pipeline.lander.slot_rows import Received, mark_rows, slot_rows
from pipeline.settings import Settings
from schemas import structs
from tests.contracts.history_fixture import History
from tests.contracts.kafka_records import NOW_MS, FakeRecord, operation, records
from tests.contracts.snapshots import block_of, mark, marks, snapshot
from tests.contracts.told_records import alert, stats

pytestmark = pytest.mark.stack

READING = Reading(epoch=1, future_limit_ms=30_000)
IN_2017_MS = 1_494_892_800_000
PAY = Series("prod", "checkout", "pay")
A_RECORD = FakeRecord("panes", 0, b"")


async def test_a_log_of_2017_stays_because_it_was_received_now(history: History) -> None:
    rows = operation_rows(records("events.operations", [operation(1, timestamp_ms=IN_2017_MS)]), READING).rows
    await history.land(rows)
    await history.land(slot_rows([Received(snapshot(block_of({PAY: [1]}), pane_start_ms=IN_2017_MS), A_RECORD)]))
    for table in ("operations_log", "slots_log"):
        history.client.command(f"OPTIMIZE TABLE {history.settings.database}.{table} FINAL")
    (when,) = history.ask("SELECT timestamp FROM {db}.operations")
    assert when[0].replace(tzinfo=UTC) == datetime(2017, 5, 16, tzinfo=UTC)
    assert history.one("SELECT count() FROM {db}.slots") == 1


async def test_what_was_received_too_long_ago_goes(history: History) -> None:
    (record,) = records("events.operations", [operation(1, timestamp_ms=IN_2017_MS)])
    old = replace(record, timestamp=NOW_MS - timedelta(days=31) // timedelta(milliseconds=1))
    await history.land(operation_rows([old], READING).rows)
    history.client.command(f"OPTIMIZE TABLE {history.settings.database}.operations_log FINAL")
    assert history.one("SELECT count() FROM {db}.operations") == 0


async def test_a_backfill_of_many_days_is_split(history: History) -> None:
    events = [operation(day, timestamp_ms=IN_2017_MS + day % 250 * DAY_MS) for day in range(500)]
    assert await history.land(operation_rows(records("events.operations", [events]), READING).rows) == []
    assert history.ask("SELECT count(), uniqExact(toDate(timestamp)), uniqExact(event_id) FROM {db}.operations") == [
        (500, 250, 500)
    ]


def test_an_insert_that_the_table_refuses_is_an_error_and_no_success(history: History) -> None:
    """What chDB's own streaming insert answers as success: the embedded server must not."""
    columns = "(timestamp, epoch, topic, partition, offset, idx, received_at)"
    days = "\n".join(
        f'["{2_000 + year}-0{month}-01", 1, "t", 0, 0, 0, "2100-01-01"]' for year in range(20) for month in range(1, 9)
    )
    with pytest.raises(DatabaseError) as refused:
        history.client.raw_insert(
            f"{history.settings.database}.operations_log {columns}", insert_block=days, fmt="JSONCompactEachRow"
        )
    assert refused.value.code == 252
    unequal = "INSERT INTO {db}.slots_log (pane_start, latency_index, received_at) FORMAT JSONEachRow "
    with pytest.raises(DatabaseError, match="latency_arrays_have_one_length"):
        history.client.command(
            unequal.replace("{db}", history.settings.database)
            + '{"pane_start": "2026-01-01", "latency_index": [1], "received_at": "2100-01-01"}'
        )


async def test_an_older_snapshot_never_replaces_a_newer_one(history: History) -> None:
    newer, older = block_of({PAY: [1_000] * 5}), block_of({PAY: [1_000] * 3})
    for block, version, final in ((newer, 9, True), (older, 4, False), (newer, 9, False)):
        one = Received(snapshot(block, version=version, final=final), A_RECORD)
        await history.land(slot_rows([one]))
    assert history.ask("SELECT version, final, events FROM {db}.slots") == [(9, True, 5)]


async def test_of_a_batch_only_the_newest_snapshot_of_a_slot_is_sent(history: History) -> None:
    blocks = [block_of({PAY: [1_000] * calls}) for calls in (1, 2, 3)]
    received = [Received(snapshot(block, version=version), A_RECORD) for version, block in enumerate(blocks)]
    rows = slot_rows([received[1], received[2], received[0]])
    assert rows.length == 1
    await history.land(rows)
    assert history.ask("SELECT version, events FROM {db}.slots") == [(2, 3)]


async def test_an_older_mark_never_replaces_a_newer_one(history: History) -> None:
    told = [(5, 20_000), (7, 10_000), (7, 30_000), (7, 20_000), (6, 90_000)]
    for position, closed_ms in told:
        one = marks(mark(position=position, closed_through_ms=closed_ms))
        await history.land(mark_rows([Received(one, A_RECORD)]))
    assert history.ask("SELECT position, toUnixTimestamp64Milli(closed_through) FROM {db}.source_marks") == [
        (7, 30_000)
    ]


async def test_a_source_that_never_had_an_event_has_no_watermark(history: History) -> None:
    nothing = marks(mark())
    await history.land(mark_rows([Received(nothing, A_RECORD)]))
    assert history.ask("SELECT closed_through FROM {db}.source_marks") == [(None,)]


async def test_the_last_record_of_a_step_replaces_the_ones_before(history: History) -> None:
    told = [structs.encode(stats(calls=10)), structs.encode(stats(calls=20, revision=1))]
    (rows,) = read_contents(records("stats", told), Settings()).rows
    for _ in range(2):
        await history.land(rows)
    seen = history.ask("SELECT window, calls, revision, dimensions, status_code, status_count FROM {db}.window_stats")
    assert sorted(seen) == [
        ("1m", 20, 1, "az=1,region=eu", [200, 500], [19, 1]),
        ("5m", 20, 1, "az=1,region=eu", [200, 500], [19, 1]),
    ]


async def test_an_episode_shows_its_last_state(history: History) -> None:
    told = [
        alert(1, state="pending", severity="warning", fired_ms=None),
        alert(2, previous_state="pending"),
        alert(3, state="resolved", previous_state="firing", resolved_ms=NOW_MS + 60_000, summary="over"),
    ]
    (rows,) = read_contents(records("alerts", [structs.encode(one) for one in told]), Settings()).rows
    for _ in range(2):
        await history.land(rows)
    look = "SELECT state, severity, toUnixTimestamp64Milli(assumeNotNull(fired)), transitions, summary FROM {db}.alert_episodes"
    assert history.ask(look) == [("resolved", "critical", NOW_MS, 3, "over")]
    assert history.ask("SELECT JSONExtractString(json, 'state') FROM {db}.alerts ORDER BY sequence") == [
        ("pending",),
        ("firing",),
        ("resolved",),
    ]


async def test_the_reckoning_shows_a_row_that_is_missing(history: History) -> None:
    counted = block_of({Series("prod", "", ""): [1_000] * 3, Series("prod", "checkout", ""): [1_000] * 3})
    source = "events.operations-0"
    told = panes_records.encode(marks(replace_late(mark(source, position=5), 1)))
    await history.land(slot_rows([Received(snapshot(counted, source=source), A_RECORD)]))
    (rows,) = read_contents(records("panes", [told]), Settings()).rows
    await history.land(rows)
    await history.land(operation_rows(records("events.operations", [operation(n) for n in range(3)]), READING).rows)
    look = "SELECT source, in_slots, late, in_raw, difference FROM {db}.reckoning"
    assert history.ask(look) == [(source, 3, 1, 3, 1)]
    await history.land(operation_rows(records("events.operations", [operation(3)], first_offset=3), READING).rows)
    assert history.ask(look) == [(source, 3, 1, 4, 0)]


def replace_late(one: panes_records.Mark, late: int) -> panes_records.Mark:
    """Return the mark with so many late events."""
    return panes_records.Mark(
        one.epoch,
        one.source,
        one.position,
        one.watermark_ms,
        one.closed_through_ms,
        one.idle,
        one.operations,
        one.errors,
        late,
        one.dead,
    )
