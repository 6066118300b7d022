"""The oracle of the fault machine: what it makes of a log, against the pipeline's own core and against plain sums."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from faust.types import TP
from msgspec import structs

from faults.verdict import fingerprint
from faults.verdict.account import Account
from faults.verdict.expected import expect
from faults.verdict.sums import AT, Table, differences, joined, parts_of, parts_of_one
from faults.verdict.words import cells_in_words
from pipeline.aggregator.intake import Intake
from pipeline.aggregator.outbox import Outbox
from pipeline.core.block import pack, unpack
from pipeline.core.columns import SeriesTable
from pipeline.core.histogram import index_of
from pipeline.core.pane_rows import SeriesLimits
from pipeline.core.records import Snapshot, decode, encode
from pipeline.core.source import Progress, SourcePartition, TimeRules
from pipeline.settings import Settings
from pipeline.topics import Topics
from tests.faults.verdict_record import Record
from tests.faults.verdict_world import Load

SETTINGS = Settings(partitions=4)
NOW_MS = 1_763_791_200_000


def a_log(seed: int, records: int) -> list[Record]:
    """Operations of every sort, some in arrays; times as of `NOW_MS` and a little later."""
    load, made = Load("left", Topics(), random.Random(seed)), []
    for offset in range(records):
        load.now_ms = NOW_MS + offset * 20
        body = [load.operation() for _ in range(load.rng.choice([1, 1, 3]))]
        value = json.dumps(body if len(body) > 1 else body[0]).encode()
        made.append(Record("events.operations", 1, offset, load.now_ms, value, load.numbering.headers(len(body))))
    return made


def folded(records: list[Record], batch: int = 50) -> Account:
    account = Account.of(SETTINGS)
    for start in range(0, len(records), batch):
        chosen = records[start : start + batch]
        account.take("events.operations", 1, chosen, chosen[-1].timestamp + 200)
    return account


def snapshots(records: list[Record]) -> list[bytes]:
    """What the aggregator's own core sends about these records; and the notice of late events."""
    table = SeriesTable()
    rules = TimeRules(SETTINGS.pane_seconds * 1000, SETTINGS.out_of_orderness_ms, SETTINGS.allowed_lateness_ms)
    limits = SeriesLimits(SETTINGS.partitions, SETTINGS.series_max, SETTINGS.services_max)
    partition, outbox = SourcePartition(Progress(0), rules, limits), Outbox.of(SETTINGS)
    tp = TP("events.operations", 1)
    taken = Intake(SETTINGS, table).take(tp, records, 0)
    late = partition.add(taken.columns, table.series, next_offset=len(records))
    sent = [*outbox.opened("events.operations-1", partition, table.series)]
    return [outgoing.value or b"" for outgoing in [*sent, outbox.late("events.operations-1", late)]]


@pytest.fixture(scope="module")
def account() -> Account:
    records = a_log(3, 600)
    account = folded(records)
    *values, late = snapshots(records)
    for value in values:
        account.told.on_panes(value)
    account.told.on_late(late)
    return account


def test_buckets_worked_out_in_whole_numbers_are_those_of_the_pipeline() -> None:
    edges = fingerprint._UPPER_US
    durations_us = np.unique(np.concatenate((edges, edges + 1, edges - 1, [0, 1, 2, 4, 3_600_000_000, 2**40])))
    assert (fingerprint.bucket_of(durations_us) == index_of(durations_us)).all()


def test_the_oracle_and_the_core_say_the_same_of_every_slot(account: Account) -> None:
    expected = expect(account)
    assert expected.wrong == []
    assert differences(expected.slots, account.told.found_slots()) == []
    assert len(expected.slots) > 30
    assert expected.late
    assert sum(expected.late.values()) == len(account.told.late)


def test_the_oracle_adds_up_what_a_plain_loop_adds_up() -> None:
    records, calls, microseconds = a_log(4, 200), Counter[str](), Counter[str]()
    for record in records:
        body = json.loads(record.value or b"")
        for event in body if isinstance(body, list) else [body]:
            if event["timestamp_ms"] - record.timestamp <= SETTINGS.future_limit_ms:
                calls[event["operation"]] += event["weight"]
                microseconds[event["operation"]] += event["weight"] * min(
                    round(event["duration_ms"] * 1000), 3_600_000_000
                )
    account = folded(records)
    every = account.log.undecided
    late = [Table(one.code, one.linear, one.extremes) for one in every]
    table = joined(account.log.counted.table(), *late)
    _, _, series = parts_of(table.codes)
    for number, name in enumerate(account.series.listed):
        rows = table.linear[series == number]
        assert rows[:, AT["calls"]].sum() == calls[name.operation]
        assert rows[:, AT["latency_sum_us"]].sum() == microseconds[name.operation]


@pytest.mark.parametrize("batch", [1, 7, 600])
def test_however_the_log_comes_in_batches_it_is_the_same(batch: int) -> None:
    records = a_log(5, 300)
    one, other = expect(folded(records)), expect(folded(records, batch))
    assert differences(one.slots, other.slots) == []


def forged(account: Account, **changes: object) -> Account:
    """Return the account with one slot's block changed."""
    records = a_log(3, 600)
    copy = folded(records)
    *values, late = snapshots(records)
    found = decode(values[0])
    assert isinstance(found, Snapshot)
    block = unpack(found.block)
    block = replace(unpack(found.block), **changes)  # type: ignore[arg-type]
    values[0] = encode(structs.replace(found, block=pack(block)))
    for value in values:
        copy.told.on_panes(value)
    copy.told.on_late(late)
    return copy


def test_one_call_in_another_bucket_is_found_and_named(account: Account) -> None:
    found = decode(snapshots(a_log(3, 600))[0])
    assert isinstance(found, Snapshot)
    block = unpack(found.block)
    counts = block.hist_count.copy()
    counts[0] += 1
    copy = forged(account, hist_count=counts)
    cells = differences(expect(copy).slots, copy.told.found_slots())
    (text,) = cells_in_words(copy, cells)
    assert f"buckets differ (bucket {block.hist_index[0]}: +1)" in text


@pytest.mark.parametrize("column", ["events", "calls", "failures", "latency_sum_us", "errors_critical"])
def test_one_more_in_any_column_is_found(account: Account, column: str) -> None:
    found = decode(snapshots(a_log(3, 600))[0])
    assert isinstance(found, Snapshot)
    scalars = unpack(found.block).scalars.copy()
    scalars[0, AT[column]] += 1
    copy = forged(account, scalars=scalars)
    (cell,) = differences(expect(copy).slots, copy.told.found_slots())
    assert cell.column == column
    assert cell.found == (cell.expected or 0) + 1


def test_a_slot_that_nobody_sent_and_one_that_nobody_expects_are_found(account: Account) -> None:
    expected, found = expect(account).slots, account.told.found_slots()
    fewer = found.only(found.codes != found.codes[3])
    (cell,) = differences(expected, fewer)
    assert (cell.code, cell.found) == (found.codes[3], None)
    (cell,) = differences(fewer, expected)
    assert (cell.code, cell.expected) == (found.codes[3], None)


def with_an_old_event_on_a_new_partition(behind_ms: int) -> Account:
    """Return an account whose panes were closed without the only event of partition 2."""
    account = folded(a_log(3, 600))
    panes = expect(account).panes
    account.told.closed[b"all"] = ("", np.column_stack((panes.codes, panes.linear, panes.extremes)))
    load = Load("right", Topics(), random.Random(9), now_ms=NOW_MS)
    event = {**load.operation(), "timestamp_ms": NOW_MS - behind_ms}
    late = Record("events.operations", 2, 0, NOW_MS, json.dumps(event).encode(), load.numbering.headers(1))
    account.take("events.operations", 2, [late], NOW_MS + 100)
    return account


def test_what_windows_had_passed_on_a_partition_that_nobody_waits_for_is_in_its_slot_and_in_no_pane() -> None:
    account = with_an_old_event_on_a_new_partition(120_000)
    expected = expect(account)
    assert expected.passed == 1
    assert not differences(expected.panes, account.told.found_closed())
    assert expected.slots.total("events") == expect(folded(a_log(3, 600))).slots.total("events") + 3  # it, rolled up


def test_an_event_on_time_that_closed_panes_lack_is_missed() -> None:
    account = with_an_old_event_on_a_new_partition(1_000)
    expected = expect(account)
    assert expected.passed == 0
    assert differences(expected.panes, account.told.found_closed())


def test_a_slot_that_windows_may_have_passed_is_no_excuse_for_another_difference() -> None:
    account = with_an_old_event_on_a_new_partition(120_000)
    (digest, rows), lost = account.told.closed[b"all"], NOW_MS // 10_000
    account.told.closed[b"all"] = (digest, rows[parts_of(rows[:, 0])[1] != lost])
    expected = expect(account)
    assert expected.passed == 1
    missed = differences(expected.panes, account.told.found_closed())
    assert {parts_of_one(cell.code)[1] for cell in missed} == {lost}


def test_two_contents_of_one_version_are_a_complaint(account: Account) -> None:
    records = a_log(3, 600)
    copy = folded(records)
    value = snapshots(records)[0]
    found = decode(value)
    assert isinstance(found, Snapshot)
    block = unpack(found.block)
    other = structs.replace(found, block=pack(replace(block, scalars=block.scalars + 1)))
    copy.told.on_panes(value)
    copy.told.on_panes(value)
    assert copy.told.complaints == {}
    copy.told.on_panes(encode(other))
    assert "two contents" in copy.told.complaints["panes"][0]
