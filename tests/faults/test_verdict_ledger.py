"""The loss ledger of a run: each way in which an event can be missing or too many is found, and by whom it was sent."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from faults.facts import FinishedRun, ProducerAccount
from faults.verdict.account import Account
from faults.verdict.check_log import boots_of, check_ledger, check_log
from faults.verdict.expected import expect
from faults.verdict.ledger_table import totalled
from faults.verdict.verdict import Verdict
from pipeline.settings import Settings
from tests.faults.verdict_record import Record

NOW_MS = 1_763_791_200_000
SETTINGS = Settings()


def an_event(offset: int, sequence: int, value: bytes = b"", minute: int = 0) -> Record:
    at_ms = NOW_MS + minute * 60_000
    good = (
        b'{"type":"operation","event_id":"e","service":"shop","operation":"pay","duration_ms":1,"success":true,'
        b'"timestamp_ms":%d}' % at_ms
    )
    headers = [("pipeline-ledger", b"left/boot-1/%d" % sequence)]
    return Record("events.operations", 0, offset, at_ms, value or good, headers)


def a_run(*records: Record) -> Account:
    account = Account.of(SETTINGS)
    account.take("events.operations", 0, records, records[-1].timestamp + 100)
    return account


def producer(sent: int, acknowledged: tuple[tuple[int, int], ...] | None = None) -> ProducerAccount:
    return ProducerAccount("left", "boot-1", "by-user", sent, ((0, sent),) if acknowledged is None else acknowledged)


def finished(*producers: ProducerAccount) -> FinishedRun:
    return FinishedRun(SETTINGS, 7, NOW_MS, NOW_MS + 60_000, (), producers)


def differences(account: Account, one: ProducerAccount) -> tuple[str, ...]:
    run = finished(one)
    return check_log(run, account, boots_of(run, account, expect(account))).differences


WHOLE = [an_event(0, 0), an_event(1, 1), an_event(2, 2, minute=1), an_event(3, 3, b"{", minute=1)]


def test_a_log_that_holds_what_was_acknowledged_has_no_difference() -> None:
    assert differences(a_run(*WHOLE), producer(4)) == ()


def test_an_acknowledged_event_that_is_not_in_the_log_is_lost() -> None:
    (text,) = differences(a_run(*WHOLE), producer(6))
    assert text == "left/boot-1: 2 events acknowledged and not in the log: 4-5"


def test_an_unanswered_event_may_be_in_the_log_or_not() -> None:
    assert differences(a_run(*WHOLE), producer(7, ((0, 2), (3, 4)))) == ()


def test_no_event_may_be_in_the_log_twice() -> None:
    (text,) = differences(a_run(*WHOLE, an_event(4, 1, minute=1)), producer(4))
    assert text == "left/boot-1: 1 events in the log more than once: 1"


def test_an_aborted_event_may_not_be_in_the_committed_log() -> None:
    one = replace(producer(5, ((0, 2), (3, 4))), aborted=((2, 3), (4, 5)))
    (text,) = differences(a_run(*WHOLE), one)
    assert text == "left/boot-1: 1 events aborted and in the committed log: 2"


def test_what_nobody_sent_may_not_be_in_the_log() -> None:
    (text,) = differences(a_run(*WHOLE), producer(3))
    assert text == "left/boot-1: 1 events in the log beyond the 3 that were sent"
    run = finished()
    (text,) = check_log(run, a_run(*WHOLE), boots_of(run, a_run(*WHOLE), expect(a_run(*WHOLE)))).differences
    assert text == "left/boot-1: in the log, and no producer knows of it"


def test_the_ledger_says_by_minute_where_each_event_is() -> None:
    account, run = a_run(*WHOLE), finished(producer(6, ((0, 5),)))
    ledger, lines = check_ledger(boots_of(run, account, expect(account)))
    assert not ledger.passed
    assert ledger.differences == ("left at 06:00: 1 of 5 acknowledged events are lost",)
    # The minute is kept for 256 events at a time: here the first one's for all.
    (line,) = lines
    assert (line.sent, line.acknowledged, line.unknown, line.found) == (6, 5, 1, 0)
    assert (line.counted, line.late, line.dead, line.lost, line.repeated) == (3, 0, 1, 1, 0)


def test_minutes_are_told_apart_and_added_up() -> None:
    records = [an_event(n, n, minute=n // 512) for n in range(1024)]
    account, run = a_run(*records), finished(producer(1024))
    ledger, lines = check_ledger(boots_of(run, account, expect(account)))
    assert ledger.passed
    assert [(line.minute, line.sent, line.counted) for line in lines] == [("06:00", 512, 512), ("06:01", 512, 512)]
    left, every = totalled(lines)
    assert (left.producer, left.counted, every.producer, every.counted) == ("left", 1024, "all", 1024)


@pytest.mark.parametrize("by_minute", [False, True])
def test_a_verdict_is_printed_and_is_json(*, by_minute: bool) -> None:
    account, run = a_run(*WHOLE), finished(producer(5))
    boots = boots_of(run, account, expect(account))
    ledger, lines = check_ledger(boots)
    verdict = Verdict(7, 1.0, (check_log(run, account, boots), ledger), lines, ())
    console = Console(width=200, record=True, file=StringIO())
    verdict.print(console, by_minute=by_minute)
    text = console.export_text()
    assert "FAILED in log, ledger; seed 7" in text
    assert "Run it again with SEED=7" in text
    assert "acknowledged and not in the log: 4" in text
    assert ("06:00" in text.split("Checks")[0]) == by_minute
    assert '"passed": false' in verdict.to_json()


def test_sequences_far_apart_cost_one_byte_each() -> None:
    account = a_run(*WHOLE, an_event(4, 1_000_000))
    log = account.log.ledgers.log_of(("left", "boot-1"))
    assert log.seen.nbytes == 2**20
    assert log.times(np.array([0, 999_999, 1_000_000])).tolist() == [1, 0, 1]
