"""The loss ledger in ClickHouse: exact to the event, for any range."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from contextlib import closing
from itertools import pairwise

import msgspec
import pytest

from pipeline.cli import ledger_query
from pipeline.cli.ledger_alert import read_alert, window_of
from pipeline.cli.ledger_lines import Account, Line, grouped, total
from pipeline.cli.ledger_query import CHUNK_EVENTS, Range, chunks, read_ledger
from pipeline.cli.ledger_query import Boot as BootRange
from pipeline.clickhouse_client import connect
from pipeline.errors import FatalError
from pipeline.lander.contents import read_contents
from pipeline.settings import Settings
from schemas import structs
from tests.contracts.history_fixture import History
from tests.contracts.kafka_records import NOW_MS, FakeRecord, error, records
from tests.contracts.ledger_log import Boot, Log, Numbers, account, random_log
from tests.contracts.told_records import alert

pytestmark = pytest.mark.stack

HOUR_MS = 3_600_000
MINUTE_MS = 60_000
END_MS = NOW_MS + 24 * HOUR_MS
BOOT: Boot = ("shop@a", "1")
LEDGER = (("pipeline-ledger", b"shop@a/1/1"),)


async def land(history: History, log: Log) -> None:
    """Land a log as the lander does, in two batches of which the first comes twice."""
    whole = [record for some in log.records.values() for record in some]
    for batch in (whole[::2], whole[1::2], whole[::2]):
        for rows in read_contents(batch, Settings()).rows:
            assert await history.land(rows) == []


def lines_of(
    history: History, from_ms: int, to_ms: int, settled_ms: int = END_MS, producer: str = "", most: int = CHUNK_EVENTS
) -> list[Line]:
    """Ask as `pipeline ledger` does."""
    wanted = Range(from_ms=from_ms, to_ms=to_ms, settled_ms=settled_ms, producer=producer)
    return read(history, wanted, most)


def read(history: History, wanted: Range, most: int = CHUNK_EVENTS) -> list[Line]:
    with closing(connect(history.settings)) as client:
        client.database = history.settings.database
        return read_ledger(client, wanted, lambda *_: None, most)


def lines_of_view(history: History, from_ms: int, to_ms: int, settled_ms: int) -> list[Line]:
    """Ask the view, as anyone may."""
    rows = history.ask(
        "SELECT producer_id, boot_id, toUnixTimestamp(minute) * 1000, produced, counted, late, dead, lost, in_flight, "
        "repeated, first_sequence, last_sequence FROM {db}.ledger(from = fromUnixTimestamp64Milli({from:Int64}, 'UTC'), "
        "to = fromUnixTimestamp64Milli({to:Int64}, 'UTC'), settled = fromUnixTimestamp64Milli({settled:Int64}, 'UTC')) "
        "ORDER BY 3, 1, 2",
        **{"from": from_ms, "to": to_ms, "settled": settled_ms},
    )
    return [Line(who, boot, minute, Account(*numbers[:7]), *numbers[7:]) for who, boot, minute, *numbers in rows]


def numbers_of(line: Line) -> Numbers:
    found = line.account
    named = {
        "produced": found.produced, "counted": found.counted, "late": found.late, "dead": found.dead,
        "lost": found.lost, "in flight": found.in_flight, "repeated": found.repeated,
    }  # fmt: skip
    return +Counter(named)


def by_minute(lines: Iterable[Line]) -> dict[tuple[Boot, int], Numbers]:
    return {((line.producer_id, line.boot_id or ""), line.minute_ms or 0): numbers_of(line) for line in lines}


@pytest.mark.parametrize("seed", range(4))
async def test_it_says_of_any_range_what_counting_event_by_event_says(history: History, seed: int) -> None:
    log = random_log(seed)
    await land(history, log)
    chance = random.Random(seed)
    ranges = [(NOW_MS - 2 * HOUR_MS, END_MS, END_MS)]
    for _ in range(6):
        from_ms = NOW_MS - chance.randint(0, 2_400) * 1_000
        to_ms = from_ms + chance.randint(1, 1_200_000)
        ranges.append((from_ms, to_ms, chance.randint(from_ms, to_ms)))
    for from_ms, to_ms, settled_ms in ranges:
        lines = lines_of(history, from_ms, to_ms, settled_ms)
        assert by_minute(lines) == account(log.seen, from_ms, to_ms, settled_ms)
        assert lines_of_view(history, from_ms, to_ms, settled_ms) == lines
    whole = account(log.seen, *ranges[0])
    assert all(sum(found[name] for found in whole.values()) > 5 for name in ("late", "dead", "lost", "repeated"))


async def test_ranges_side_by_side_add_up_to_the_whole(history: History) -> None:
    log = random_log(7)
    await land(history, log)
    edges = [NOW_MS - HOUR_MS, NOW_MS - 1_234_567, NOW_MS - 600_001, NOW_MS, END_MS]
    parts = [lines_of(history, *span) for span in pairwise(edges)]
    assert sum((total(part) for part in parts), total([])) == total(lines_of(history, edges[0], edges[-1]))


async def test_what_a_producer_lost_at_the_edge_of_a_range_is_told_once(history: History) -> None:
    log = Log()
    for sequence, minute in ((0, 0), (1, 0), (5, 1), (6, 2), (8, 2)):
        received_ms = NOW_MS - HOUR_MS + minute * MINUTE_MS
        log.add(BOOT, sequence, ["counted"], received_ms, topic="events.operations", service="checkout")
    log.mark()
    await land(history, log)
    start_ms = NOW_MS - HOUR_MS
    lost = [
        total(lines_of(history, start_ms + minute * MINUTE_MS, start_ms + (minute + 1) * MINUTE_MS)).lost
        for minute in range(4)
    ]
    assert lost == [0, 3, 1, 0]


async def test_a_boot_that_is_read_in_many_pieces_gives_the_same_ledger(history: History) -> None:
    await land(history, random_log(2))
    whole = lines_of(history, NOW_MS - HOUR_MS, END_MS)
    pieces = lines_of(history, NOW_MS - HOUR_MS, END_MS, most=40)
    assert len(pieces) > len(whole)
    assert by_minute(grouped(pieces, boots=True, minutes=True)) == by_minute(whole)


async def test_the_number_before_a_range_is_found_however_far_back(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_query, "NEAR", 10)
    log = Log()
    for sequence, minute in ((0, 0), (3, 0), (50, 9)):
        received_ms = NOW_MS - HOUR_MS + minute * MINUTE_MS
        log.add(BOOT, sequence, ["counted"], received_ms, topic="events.operations", service="checkout")
    log.mark()
    await land(history, log)
    assert total(lines_of(history, NOW_MS - HOUR_MS + 5 * MINUTE_MS, END_MS)).lost == 46


def test_a_boot_is_read_in_pieces_that_cover_it_without_overlap() -> None:
    assert list(chunks(BootRange("a", "1", 10, 5, 14), most=10)) == [(5, 14)]
    assert list(chunks(BootRange("a", "1", 10, 5, 14), most=4)) == [(5, 8), (9, 12), (13, 14)]
    assert list(chunks(BootRange("a", "1", 3, 0, 2**53 - 1), most=2)) == [(0, 2**52 - 1), (2**52, 2**53 - 1)]
    assert list(chunks(BootRange("a", "1", 9, 7, 7), most=2)) == [(7, 7)]


async def test_lines_add_up_by_boot_and_by_producer(history: History) -> None:
    log = random_log(3)
    await land(history, log)
    lines = lines_of(history, NOW_MS - HOUR_MS, END_MS)
    boots = {(line.producer_id, line.boot_id): line for line in grouped(lines, boots=True, minutes=False)}
    for boot in {one.boot for one in log.seen}:
        numbers = [one.sequence for one in log.seen if one.boot == boot]
        line = boots[boot]
        assert (line.first_sequence, line.last_sequence) == (min(numbers), max(numbers))
        assert line.account.produced == max(numbers) + 1
    producers = grouped(lines, boots=False, minutes=False)
    assert {line.producer_id for line in producers} == {"shop@a", "shop@b", "till"}
    assert total(producers) == total(boots.values()) == total(lines)
    mine = lines_of(history, NOW_MS - HOUR_MS, END_MS, producer="till")
    assert total(mine) == next(line.account for line in producers if line.producer_id == "till")


async def test_a_row_that_clickhouse_would_not_take_was_counted_all_the_same_and_once_when_it_lands_after_all(
    history: History,
) -> None:
    log = Log()
    for sequence in range(3):
        log.add(BOOT, sequence, ["dead"], NOW_MS, topic="events.errors", service="checkout")
    log.mark()
    letters = log.records["events.dead"]
    told = structs.decode(letters[1].value or b"")
    assert isinstance(told, structs.DeadLetter)
    landing = msgspec.structs.replace(told, reason="landing", index=0)
    letters[1] = FakeRecord("events.dead", 1, structs.encode(landing), 0, NOW_MS)
    await land(history, log)
    whole = total(lines_of(history, NOW_MS - HOUR_MS, END_MS))
    assert (whole.counted, whole.dead, whole.lost) == (1, 2, 0)
    after_all = FakeRecord(
        told.topic, told.offset, json.dumps(error()).encode(), told.partition, NOW_MS, headers=LEDGER
    )
    for rows in read_contents([after_all], Settings()).rows:
        assert await history.land(rows) == []
    assert history.one("SELECT count() FROM {db}.ledger_events WHERE sequence = 1") == 2
    assert total(lines_of(history, NOW_MS - HOUR_MS, END_MS)) == whole


async def test_rubbish_in_the_header_harms_nothing_and_is_counted(history: History) -> None:
    log = Log()
    log.add(BOOT, 0, ["counted"], NOW_MS, topic="events.operations", service="checkout")
    log.mark()
    (good,) = log.records["events.operations"]
    bad = FakeRecord(good.topic, 50, good.value, 0, NOW_MS, headers=(("pipeline-ledger", b"shop@a/1/-1"),))
    log.records["events.operations"].append(bad)
    await land(history, log)
    assert read_contents([good, bad], Settings()).malformed == 1
    assert history.ask("SELECT producer_id, count() FROM {db}.operations GROUP BY 1 ORDER BY 1") == [
        ("", 1),
        ("shop@a", 1),
    ]
    assert total(lines_of(history, NOW_MS - HOUR_MS, END_MS)).produced == 1


async def test_it_says_what_became_of_one_event(history: History) -> None:
    log = Log()
    log.add(BOOT, 4, ["counted", "dead", "late"], NOW_MS, topic="events.operations", service="checkout")
    log.mark()
    await land(history, log)
    look = "SELECT sequence, fate, service, idx FROM {db}.ledger_events ORDER BY sequence"
    assert history.ask(look) == [(4, "counted", "checkout", 0), (5, "dead", "", 1), (6, "late", "checkout", 2)]


@pytest.mark.parametrize("seed", range(3))
async def test_an_alerts_window_is_accounted_for_in_event_time(history: History, seed: int) -> None:
    log = random_log(seed)
    await land(history, log)
    start_ms, end_ms, settled_ms = NOW_MS - 1_500_000, NOW_MS - 900_000, NOW_MS - 1_000_000
    fired = alert(2, window_start_ms=start_ms, window_end_ms=end_ms, completeness=0.875)
    told = [alert(1, state="pending", window_start_ms=0), fired, alert(3, state="resolved", window_start_ms=1)]
    for rows in read_contents(records("alerts", [structs.encode(one) for one in told]), Settings()).rows:
        assert await history.land(rows) == []
    with closing(connect(history.settings, reader=True)) as client:
        client.database = history.settings.database
        found = read_alert(client, "a1")
        with pytest.raises(FatalError, match="no alert 'a2'"):
            read_alert(client, "a2")
    lines = grouped(read(history, window_of(found, settled_ms)), boots=True, minutes=False)
    assert (found.sequence, found.window_start_ms, found.window_end_ms) == (2, start_ms, end_ms)
    assert found.sources_ratio == 0.875
    expected: dict[Boot, Numbers] = defaultdict(Counter)
    for (boot, _), numbers in account(log.seen, start_ms, end_ms, settled_ms, by_event_time=True).items():
        expected[boot] += numbers
    assert {(line.producer_id, line.boot_id): numbers_of(line) for line in lines} == expected
    assert sum(numbers["lost"] for numbers in expected.values())
