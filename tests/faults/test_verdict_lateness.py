"""Bounds of lateness: what is sure holds for whatever the worker has done; in between, notices decide."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from faults.verdict.account import Account
from faults.verdict.events import INDEX_BITS
from faults.verdict.expected import expect
from faults.verdict.lateness import Judged, PartitionTime
from pipeline.core.columns import Columns
from pipeline.core.pane_rows import SeriesLimits
from pipeline.core.records import LateEvents, encode_late
from pipeline.core.series import Series
from pipeline.core.source import Progress, SourcePartition, TimeRules
from pipeline.settings import Settings
from tests.faults.verdict_record import Record

SETTINGS = Settings()
PANE_MS = 10_000
NOW_MS = 1_763_791_200_000


def judge(time: PartitionTime, events: list[tuple[int, int, int]], seen_ms: int) -> Judged:
    """`events` are (record, timestamp, append), the times in ms from `NOW_MS`."""
    record, timestamp_ms, append_ms = np.array(events, np.int64).T
    timestamp_ms = timestamp_ms + NOW_MS
    return time.judge(record, timestamp_ms, timestamp_ms, append_ms + NOW_MS, seen_ms + NOW_MS)


def test_the_first_event_of_a_partition_is_never_late() -> None:
    judged = judge(PartitionTime(SETTINGS), [(0, -900_000, 0)], 300)
    assert (judged.late.tolist(), judged.on_time.tolist()) == ([False], [True])


def test_windows_may_have_passed_what_is_old_on_a_partition_that_has_not_caught_up() -> None:
    time = PartitionTime(SETTINGS)
    first = judge(time, [(0, -120_000, 0), (0, 0, 0), (1, -130_000, 0), (2, -110_000, 0), (3, 0, 0)], 300)
    assert first.unwaited.tolist() == [True, False, False, False, False]
    time = PartitionTime(SETTINGS)
    slow = judge(time, [(0, -120_000, 0), (1, -130_000, 0), (2, -110_000, 0), (3, -1_000, 0), (4, -50_000, 0)], 300)
    assert slow.unwaited.tolist() == [True, True, True, False, False]
    assert slow.on_time.tolist() == [True, True, True, True, False]
    assert judge(time, [(0, -40_000, 1_000)], 1_300).unwaited.tolist() == [False]


def test_an_event_is_late_from_the_millisecond_on_at_which_its_pane_closes() -> None:
    # A watermark of 40,000 closes the pane that ends at 10,000; one of 39,999 does not.
    for newest_ms, late in ((41_999, False), (42_000, True)):
        time = PartitionTime(SETTINGS)
        judge(time, [(0, newest_ms, newest_ms)], newest_ms)
        judged = judge(time, [(0, 9_999, newest_ms), (1, 10_000, newest_ms)], newest_ms)
        assert judged.late.tolist() == [late, False]
        assert judged.on_time.tolist() == [not late, True]


def test_elements_of_one_record_are_judged_by_what_was_before_it() -> None:
    judged = judge(PartitionTime(SETTINGS), [(0, 0, 0), (1, 60_000, 60_000), (1, 0, 60_000), (2, 0, 60_000)], 60_100)
    assert judged.late.tolist() == [False, False, False, True]


def test_after_a_pause_nobody_can_tell_between_what_the_log_and_what_the_clock_says() -> None:
    time = PartitionTime(SETTINGS)
    judge(time, [(0, 0, 0)], 300)
    # 60 s later; the log alone says watermark -2,000, the clock up to 58,000 and the slack.
    judged = judge(time, [(0, -50_001, 60_000), (1, 15_000, 60_000), (2, 55_000, 60_000)], 60_200)
    assert judged.late.tolist() == [True, False, False]
    assert judged.on_time.tolist() == [False, False, True]


@settings(max_examples=200, deadline=None)
@given(
    steps=st.lists(
        st.tuples(
            st.integers(0, 200) | st.integers(4_000, 9_000),  # time until the next batch
            # Event times from then: some about where lateness is decided, some of now.
            st.lists(st.integers(-43_000, -30_000) | st.integers(-2_000, 2_000), min_size=1, max_size=6),
            st.integers(0, 1_900),  # so much later the batch is fetched, and may be found missing until then
        ),
        min_size=1,
        max_size=30,
    ),
    array=st.booleans(),
)
def test_what_is_sure_holds_whenever_the_worker_finds_the_partition_idle(
    steps: list[tuple[int, list[int], int]], *, array: bool
) -> None:
    rules = TimeRules(PANE_MS, SETTINGS.out_of_orderness_ms, SETTINGS.allowed_lateness_ms)
    core = SourcePartition(Progress(0), rules, SeriesLimits(1, 100, 100))
    time, table = PartitionTime(SETTINGS), [Series("prod", "shop", "pay")]
    append_ms = heard_ms = offset = 0
    base_ms: int | None = None
    for wait_ms, behind, delay_ms in steps:
        append_ms += wait_ms
        looked_ms = append_ms + delay_ms
        if base_ms is not None and looked_ms - heard_ms >= SETTINGS.idle_after_ms:
            core.advance_watermark(base_ms + looked_ms - heard_ms)
        record = np.zeros(len(behind), np.int64) if array else np.arange(len(behind))
        timestamp_ms, appends = np.array(behind) + append_ms, np.full(len(behind), append_ms)
        found = core.add(
            columns(record, offset + record, appends + NOW_MS, timestamp_ms + NOW_MS), table, next_offset=offset + 10
        )
        core.close(table)
        offset, heard_ms, base_ms = offset + 10, looked_ms, (core.progress.watermark_ms or 0)
        judged = judge(
            time, list(zip(record.tolist(), timestamp_ms.tolist(), appends.tolist(), strict=True)), looked_ms
        )
        late = np.isin(offset - 10 + record, found.offset) if not array else None
        if late is not None:
            assert not (judged.late & ~late).any()
            assert not (judged.on_time & late).any()
        else:
            assert judged.late.sum() <= len(found) <= (~judged.on_time).sum()


def columns(record: np.ndarray, offset: np.ndarray, append_ms: np.ndarray, timestamp_ms: np.ndarray) -> Columns:
    count = len(record)
    return Columns(
        record=record,
        index=np.arange(count),
        offset=offset,
        append_ms=append_ms,
        timestamp_ms=timestamp_ms,
        series=np.zeros(count, np.int32),
        weight=np.ones(count, np.int64),
        flags=np.zeros(count, np.uint8),
        duration_us=np.ones(count, np.int64),
        status=np.zeros(count, np.uint16),
    )


def an_account(*timestamps_ms: int) -> Account:
    """Events of one source, each in a record of its own, all taken in 60 s after `NOW_MS` but the first."""
    account = Account.of(SETTINGS)
    for offset, timestamp_ms in enumerate(timestamps_ms):
        value = (
            b'{"type":"operation","event_id":"e","service":"shop","operation":"pay","duration_ms":1,"success":true,'
            b'"timestamp_ms":%d}' % (NOW_MS + timestamp_ms)
        )
        append_ms = NOW_MS + (60_000 if offset else 0)
        account.take("events.operations", 0, [Record("events.operations", 0, offset, append_ms, value)], append_ms)
    return account


def notice(account: Account, offset: int, pane_ms: int) -> None:
    account.told.on_late(encode_late(LateEvents(1, "events.operations-0", [offset], [0], [NOW_MS + pane_ms])))


def test_a_late_event_that_nobody_told_of_is_a_difference() -> None:
    account = an_account(0, 60_000, -40_000)
    (wrong,) = expect(account).wrong
    assert "offset 2 index 0: late for sure" in wrong
    notice(account, 2, -40_000)
    assert expect(account).wrong == []


def test_a_notice_about_an_event_on_time_or_about_none_is_a_difference() -> None:
    account = an_account(0, 60_000, 59_000)
    notice(account, 2, 50_000)
    notice(account, 77, 0)
    assert ["on time for sure" in wrong for wrong in expect(account).wrong] == [True, True]


def test_a_notice_for_another_pane_is_a_difference() -> None:
    account = an_account(0, 60_000, -40_000)
    notice(account, 2, -30_000)
    (wrong,) = expect(account).wrong
    assert "another pane" in wrong


def test_in_between_the_notice_decides_whether_the_event_counts() -> None:
    account = an_account(0, 15_000)
    assert account.log.undecided[0].place.tolist() == [1 << INDEX_BITS]
    assert expect(account).slots.total("events") == 3 * 2
    notice(account, 1, 10_000)
    found = expect(account)
    assert found.wrong == []
    assert found.slots.total("events") == 3
    assert found.believed == 1
