"""Which ranges can be verified: those of which nothing that was received is gone, however old the events are."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipeline.errors import FatalError
from pipeline.history.expected_slots import Span
from pipeline.history.survey import check_kept, pane_length_ms
from pipeline.lander.contents import read_contents
from pipeline.settings import Settings
from tests.contracts.history_fixture import History
from tests.contracts.kafka_records import NOW_MS, FakeRecord, operation, records

pytestmark = pytest.mark.stack

DAY_MS = 86_400_000
OLD_MS = int(datetime(2017, 5, 16, tzinfo=UTC).timestamp() * 1_000)
OLD = Span(OLD_MS, OLD_MS + 3_600_000, 10_000)


async def land(history: History, *, at_ms: int, received_ms: int) -> None:
    found = records("events.operations", [operation(timestamp_ms=at_ms)], first_offset=at_ms % 1_000)
    old = [FakeRecord(one.topic, one.offset, one.value, timestamp=received_ms) for one in found]
    for rows in read_contents(old, Settings()).rows:
        assert await history.land(rows) == []


def check(history: History, span: Span) -> None:
    check_kept(history.client, history.settings.database, span, Settings(), NOW_MS)


async def test_an_old_log_that_was_received_just_now_can_be_verified(history: History) -> None:
    await land(history, at_ms=OLD_MS, received_ms=NOW_MS)
    check(history, OLD)


async def test_what_was_received_before_the_slots_went_is_refused_up_to_where_it_ends(history: History) -> None:
    await land(history, at_ms=OLD_MS + 60_001, received_ms=NOW_MS - 8 * DAY_MS)
    await land(history, at_ms=OLD_MS + 120_002, received_ms=NOW_MS)
    with pytest.raises(FatalError, match="--from 2017-05-16T00:01:10"):
        check(history, OLD)
    check(history, Span(OLD_MS + 70_000, OLD.to_ms, OLD.pane_ms))


def test_an_old_range_with_nothing_in_it_may_have_been_dropped(history: History) -> None:
    with pytest.raises(FatalError, match=r"PIPELINE_RAW_DAYS, PIPELINE_SLOTS_DAYS"):
        check(history, OLD)


def test_the_last_days_can_be_verified_even_if_nothing_happened(history: History) -> None:
    check(history, Span(NOW_MS - 6 * DAY_MS, NOW_MS, 10_000))


def test_panes_of_two_lengths_are_no_range(history: History) -> None:
    database = history.settings.database
    for seconds in (10, 5):
        history.client.command(
            f"INSERT INTO {database}.slots_log (pane_start, pane_seconds, source, received_at) "
            f"VALUES (fromUnixTimestamp64Milli({NOW_MS + seconds * 1_000}), {seconds}, 'events.operations-0', now())"
        )
    with pytest.raises(FatalError, match=r"5 s from .*; 10 s from "):
        pane_length_ms(history.client, database, NOW_MS, NOW_MS + 60_000, Settings())
    assert pane_length_ms(history.client, database, NOW_MS, NOW_MS + 10_000, Settings()) == 5_000
