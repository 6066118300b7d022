"""What holds for every table that the lander writes: one suite over all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from pipeline.core import records as panes_records
from pipeline.core.series import Series
from pipeline.lander.contents import read_contents
from pipeline.lander.rows import Rows
from pipeline.lander.tables import ALL
from pipeline.settings import Settings
from schemas import structs
from tests.contracts.history_fixture import History
from tests.contracts.kafka_records import NOW_MS, FakeRecord, error, operation, records, sample
from tests.contracts.snapshots import PANE_MS, block_of, mark, marks, snapshot
from tests.contracts.told_records import alert, decision, letter, outcome, stats

pytestmark = pytest.mark.stack


@dataclass(frozen=True)
class Writer:
    """Three rows of one table: the records they come from, the view to read them by, a column that can't be -1."""

    table: str
    view: str
    unsigned: str
    make: Callable[[], list[FakeRecord]]

    def rows(self) -> Rows:
        (rows,) = [rows for rows in read_contents(self.make(), Settings()).rows if rows.table.name == self.table]
        assert rows.length == 3
        return rows


def _snapshots() -> list[FakeRecord]:
    block = block_of({Series("prod", "checkout", name): [1_000, 2_000] for name in ("pay", "refund", "")})
    return records("panes", [panes_records.encode(snapshot(block))])


def _marks() -> list[FakeRecord]:
    told = marks(*(mark(f"events.operations-{number}") for number in range(3)))
    return records("panes", [panes_records.encode(told)])


WRITERS = [
    Writer("operations_log", "operations", "weight", lambda: records("events.operations", [operation()] * 3)),
    Writer("errors_log", "errors", "weight", lambda: records("events.errors", [[error(), error()], error()])),
    Writer("samples_log", "samples", "idx", lambda: records("events.samples", [sample()] * 3)),
    Writer("slots_log", "slots", "calls", _snapshots),
    Writer("source_marks_log", "source_marks", "position", _marks),
    Writer(
        "window_stats_log",
        "window_stats WHERE window = '1m'",
        "calls",
        lambda: records("stats", [structs.encode(_one_window(number)) for number in range(3)]),
    ),
    Writer(
        "alerts_log", "alerts", "sequence", lambda: records("alerts", [structs.encode(alert(n)) for n in (1, 2, 3)])
    ),
    Writer(
        "dead_letters_log",
        "dead_letters",
        "value_bytes",
        lambda: records("events.dead", [structs.encode(letter(n)) for n in range(3)]),
    ),
    Writer(
        "late_events_log", "late_events", "idx", lambda: records("events.late", [panes_records.encode_late(_late())])
    ),
    Writer(
        "dead_outcomes_log",
        "dead_outcomes_log FINAL",
        "attempt",
        lambda: records("events.dead", [structs.encode(outcome(n)) for n in range(3)]),
    ),
    Writer(
        "alert_decisions_log",
        "alert_decisions",
        "samples",
        lambda: records("alerts.decisions", [structs.encode(decision(n)) for n in (1, 2, 3)]),
    ),
]


def _late() -> panes_records.LateEvents:
    return panes_records.LateEvents(1, "events.operations-3", [7, 7, 9], [0, 1, 0], [NOW_MS, NOW_MS, NOW_MS - PANE_MS])


def _one_window(number: int) -> structs.StatsRecord:
    full = stats()
    return structs.StatsRecord(
        environment="prod",
        service="checkout",
        operation=f"op{number}",
        step_end_ms=full.step_end_ms,
        status="on_time",
        windows={"1m": full.windows["1m"]},
    )


every_writer = pytest.mark.parametrize("writer", WRITERS, ids=[writer.table for writer in WRITERS])


def test_no_table_is_left_out() -> None:
    assert [writer.table for writer in WRITERS] == [table.name for table in ALL]


@every_writer
async def test_it_accepts_rows(writer: Writer, history: History) -> None:
    assert await history.land(writer.rows()) == []
    assert history.one(f"SELECT count() FROM {{db}}.{writer.view}") == 3


@every_writer
async def test_the_same_records_again_change_nothing(writer: Writer, history: History) -> None:
    await history.land(writer.rows())
    columns = history.one(
        "SELECT arrayStringConcat(groupArray(name), ', ') FROM system.columns "
        "WHERE database = '{db}' AND table = {view:String} AND name != 'landed_at'",
        view=writer.view.split()[0],
    )
    look = f"SELECT {columns} FROM {{db}}.{writer.view} ORDER BY ALL"
    before = history.ask(look)
    for _ in range(4):
        await history.land(writer.rows())
    assert history.one(f"SELECT count() FROM {{db}}.{writer.table}") >= 3
    assert history.ask(look) == before


@every_writer
async def test_a_row_that_does_not_fit_is_named_and_its_neighbours_land(writer: Writer, history: History) -> None:
    rows = writer.rows()
    values = [int(value) for value in rows.columns[writer.unsigned]]
    spoilt = replace(rows, columns=rows.columns | {writer.unsigned: [values[0], -1, values[2]]})
    (refusal,) = await history.land(spoilt)
    assert refusal.row == 1
    assert writer.table in refusal.detail
    assert rows.origin_of(1).record.offset in {record.offset for record in writer.make()}
    assert history.one(f"SELECT count() FROM {{db}}.{writer.view}") == 2


@every_writer
def test_every_column_is_explained(writer: Writer, history: History) -> None:
    unexplained = history.ask(
        "SELECT name FROM system.columns WHERE database = '{db}' AND table = {table:String} AND comment = ''",
        table=writer.table,
    )
    assert unexplained == []


@every_writer
def test_every_column_that_is_sent_is_a_column_of_the_table(writer: Writer, history: History) -> None:
    there = history.ask(
        "SELECT name FROM system.columns WHERE database = '{db}' AND table = {table:String} AND default_kind = ''",
        table=writer.table,
    )
    assert sorted(writer.rows().table.schema.names) == sorted(name for (name,) in there)
