"""Which events of a pane are kept as examples, and which of them an alert shows."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.aggregator.event_columns import RecordPlaces, error_columns, operation_columns
from pipeline.core.block import pack
from pipeline.core.columns import SeriesTable
from pipeline.core.example import Example
from pipeline.core.example_kinds import Wanted, wanted_by
from pipeline.core.example_store import KEPT_MS, MOST, ExampleStore
from pipeline.core.pane import Pane, PartSnapshot
from pipeline.core.pane_examples import OF_A_BATCH
from pipeline.core.pane_rows import SeriesLimits
from pipeline.core.records import Snapshot, decode, encode
from pipeline.core.series import Series
from pipeline.decode.events import Error, Operation
from pipeline.rules_file import parse_rules
from tests.scenarios.timeline import WINDOWS

PAY = Series("prod", "shop", "pay")
FAILURES = Wanted(("failed", "client_error"))


def call(number: int, **changes: Any) -> Operation:
    made: dict[str, Any] = {
        "event_id": f"e{number}",
        "timestamp_ms": 1_000 + number,
        "service": "shop",
        "environment": "prod",
        "operation": "pay",
        "duration_ms": 20.0,
        "success": False,
        **changes,
    }
    return Operation(type="operation", **made)


def error(number: int, severity: Any, operation: str | None = "pay") -> Error:
    return Error(
        type="error",
        event_id=f"e{number}",
        timestamp_ms=1_000 + number,
        service="shop",
        environment="prod",
        operation=operation,
        severity=severity,
        error_type="Broken",
        message=f"number {number}",
    )


class Source:
    """One pane at one source; events get offsets one by one."""

    def __init__(self) -> None:
        self.table = SeriesTable()
        self.pane = Pane(SeriesLimits(1, 100, 100), 0)
        self.offset = 0

    def add(self, *events: Operation | Error) -> None:
        to_columns = operation_columns if isinstance(events[0], Operation) else error_columns
        count = len(events)
        places = RecordPlaces(np.arange(self.offset, self.offset + count), np.full(count, 2_000))
        self.pane.add(to_columns(events, range(count), [0] * count, places, self.table), self.table.series)
        self.offset += count

    def parts(self, *, everything: bool = False) -> list[PartSnapshot]:
        return self.pane.snapshots(self.table.series, everything=everything)

    def examples(self, series: Series = PAY, *, everything: bool = True) -> list[Example]:
        (part,) = self.parts(everything=everything)
        row = part.block.series.index(series)
        return [one.example for one in part.examples if one.row == row]


def ids(examples: list[Example]) -> list[str]:
    return [one.event_id for one in examples]


def test_the_first_three_failed_calls_are_kept_however_they_come() -> None:
    at_once, one_by_one = Source(), Source()
    calls = [call(number, success=number % 2 == 0) for number in range(12)]
    at_once.add(*calls)
    for each in calls:
        one_by_one.add(each)
        one_by_one.parts()
    assert ids(at_once.examples()) == ids(one_by_one.examples()) == ["e1", "e3", "e5"]


def test_those_who_failed_by_their_callers_fault_are_kept_apart() -> None:
    source = Source()
    source.add(*(call(number, status_code=404) for number in range(5)), call(9, status_code=500))
    assert [(one.kind, one.event_id) for one in source.examples()] == [
        ("client_error", "e0"),
        ("client_error", "e1"),
        ("client_error", "e2"),
        ("failed", "e9"),
    ]


def test_of_slow_calls_the_slowest_is_kept_and_of_equals_the_first() -> None:
    source = Source()
    source.add(call(1, success=True, duration_ms=99.9))
    assert source.examples() == []
    source.add(call(2, success=True, duration_ms=300), call(3, success=True, duration_ms=300))
    source.add(call(4, success=True, duration_ms=200), call(5, success=True, duration_ms=900, outcome="cancelled"))
    assert ids(source.examples()) == ["e2"]
    source.add(call(6, success=True, duration_ms=3_000, status_code=200, version="1.2"))
    (slowest,) = source.examples()
    assert (slowest.event_id, slowest.message) == ("e6", "took 3,000 ms, ok, status 200, version 1.2")


def test_roll_ups_have_the_first_of_all_that_is_below_them() -> None:
    source = Source()
    source.add(*(call(number, operation=f"op{number}") for number in range(5)))
    for series in (Series("prod", "shop", ""), Series("prod", "", "")):
        assert ids(source.examples(series)) == ["e0", "e1", "e2"]


def test_a_flood_gives_no_more_examples_than_one_batch_may_and_the_rest_of_its_series_in_the_next() -> None:
    source = Source()
    flood = [call(number, operation=f"op{number:03d}", duration_ms=500 + number) for number in range(OF_A_BATCH + 5)]
    source.add(*flood)
    first = source.parts(everything=True)[0].examples
    own = [one.example for one in first if source.parts(everything=True)[0].block.series[one.row].operation]
    assert ids([one for one in own if one.kind == "failed"]) == [f"e{number}" for number in range(OF_A_BATCH)]
    assert ids([one for one in own if one.kind == "slow"]) == [f"e{number}" for number in range(5, OF_A_BATCH + 5)]
    source.add(*flood)
    last = Series("prod", "shop", f"op{OF_A_BATCH + 4:03d}")
    assert [one.kind for one in source.examples(last)] == ["slow", "failed"]


def test_errors_are_kept_by_severity() -> None:
    source = Source()
    source.add(*(error(number, "warning") for number in range(5)), error(7, "critical"))
    kept = source.examples()
    assert [(one.kind, one.event_id) for one in kept] == [
        ("warning", "e0"),
        ("warning", "e1"),
        ("warning", "e2"),
        ("critical", "e7"),
    ]
    assert kept[0].message == "Broken: number 0"


def test_what_was_told_is_not_told_again_before_the_pane_closes() -> None:
    source = Source()
    source.add(call(1))
    assert ids(source.examples(everything=False)) == ["e1"]
    source.add(call(2))
    assert ids(source.examples(everything=False)) == ["e2"]
    source.add(call(3, success=True))
    assert ids(source.examples(everything=False)) == []
    assert ids(source.examples(everything=True)) == ["e1", "e2"]


def test_a_cleared_series_table_changes_nothing() -> None:
    source = Source()
    source.add(call(1), call(2))
    source.pane.forget_numbers(source.table.series)
    source.table.clear()
    source.add(call(3, operation="other"), call(4), call(5))
    assert ids(source.examples()) == ["e1", "e2", "e4"]


def snapshot(source: Source, pane_start_ms: int = 0, name: str = "events.operations-0") -> Snapshot:
    (part,) = source.parts(everything=True)
    made = Snapshot(
        1, name, pane_start_ms, 10_000, 0, 0, part.version, final=True, block=pack(part.block), examples=part.examples
    )
    sent = decode(encode(made))
    assert isinstance(sent, Snapshot)
    return sent


def test_an_alert_is_shown_the_newest_failures_of_its_window_from_all_sources() -> None:
    store, left, right = ExampleStore(), Source(), Source()
    left.add(call(1), call(5))
    right.add(call(3), call(7))
    store.take(snapshot(left))
    store.take(snapshot(right, name="events.operations-1"))
    store.take(snapshot(right, name="events.operations-1"))
    assert [one.event_id for one in store.of(PAY, FAILURES, 1_000, 2_000)] == ["e7", "e5", "e3"]
    assert [one.event_id for one in store.of(PAY, FAILURES, 1_000, 1_005)] == ["e3", "e1"]
    assert store.of(Series("prod", "shop", "other"), FAILURES, 0, 2_000) == ()


def test_rules_over_slow_calls_are_shown_the_slowest_of_those_that_count() -> None:
    store = ExampleStore()
    for pane, duration_ms in enumerate((400, 1_200, 2_500, 800)):
        source = Source()
        source.add(call(pane, success=True, duration_ms=duration_ms))
        store.take(snapshot(source, pane * 10_000, f"events.operations-{pane}"))
    shown = store.of(PAY, Wanted(("slow",), 1_000_000), 0, 2_000)
    assert [one.message for one in shown] == ["took 2,500 ms, ok", "took 1,200 ms, ok"]


def test_the_store_forgets_what_is_old_and_keeps_no_more_than_it_may() -> None:
    store = ExampleStore()
    for pane in range(10):
        source = Source()
        source.add(call(pane))
        store.take(snapshot(source, pane * 10_000, f"events.operations-{pane}"))
    assert len(store) == 3 * 10
    for name in range(10):
        source = Source()
        source.add(call(100 + name))
        store.take(snapshot(source, 90_000, f"events.errors-{name}"))
    assert len(store) == 3 * MOST
    source = Source()
    source.add(call(200))
    store.take(snapshot(source, 90_000 + KEPT_MS + 10_000))
    assert len(store) == 3


def test_rules_want_what_they_are_about() -> None:
    rules = parse_rules(
        """
rules:
  - {name: a, type: error_rate, window: 1m, severities: {warning: 5%}}
  - {name: b, type: error_rate, window: 1m, exclude_client_errors: true, severities: {warning: 5%}}
  - {name: c, type: slow_operations, window: 1m, severities: {warning: 3}}
  - {name: d, type: response_time, window: 1m, severities: {warning: 1s}}
  - {name: e, type: throughput, window: 1m, severities: {warning: 1/s}}
  - {name: f, type: error_count, window: 1m, severities: {warning: 10}}
""",
        "rules.yaml",
        WINDOWS,
    )
    assert [wanted_by(rule.condition) for rule in rules] == [
        Wanted(("failed", "client_error")),
        Wanted(("failed",)),
        Wanted(("slow",), 1_000_000),
        Wanted(("slow",)),
        None,
        Wanted(("warning", "error", "critical")),
    ]
