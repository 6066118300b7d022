"""A range of the history compared with its raw rows: slots, windows, roll-ups."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from clickhouse_connect.driver.client import Client

from pipeline.errors import FatalError
from pipeline.history.cut import Cut
from pipeline.history.expected_slots import Span
from pipeline.history.findings import Compared
from pipeline.history.rollup_check import rollups_compared
from pipeline.history.slot_check import differing_panes, rows_of, slot_differences
from pipeline.history.survey import check_kept, chunks, load_of, pane_length_ms, unsettled
from pipeline.history.windows_compared import Task, long_windows_from_ms, windows_compared
from pipeline.settings import Settings, window_ms

Tell = Callable[[str, int, int], None]
"""Called with what is compared, how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The range ``[from_ms, to_ms)``, how many differences to show at most, and whether `long` windows are compared."""

    from_ms: int
    to_ms: int
    most: int
    long: bool = False


def span_of(client: Client, database: str, asked: Asked, settings: Settings, now_ms: int) -> Span:
    """Return the range in whole panes, rounded outwards; FatalError where it can't be compared."""
    pane_ms = pane_length_ms(client, database, asked.from_ms, asked.to_ms, settings)
    span = Span(asked.from_ms // pane_ms * pane_ms, -(-asked.to_ms // pane_ms) * pane_ms, pane_ms)
    check_kept(client, database, span, settings, now_ms)
    return span


def verify(client: Client, database: str, settings: Settings, asked: Asked, cut: Cut, tell: Tell) -> Compared:
    """Compare everything in a range, a bounded part at a time."""
    now_ms = time.time_ns() // 1_000_000
    span = span_of(client, database, asked, settings, now_ms)
    total = Compared(left_out=unsettled(client, database, span, cut))
    total += _slots(client, database, span, cut, asked.most, tell)
    total += _windows(Task(client, settings, database, cut, 0, asked.most), span, now_ms, tell)
    if asked.long and settings.long_windows:
        first_ms = long_windows_from_ms(client, database, settings)
        total += _windows(Task(client, settings, database, cut, first_ms, asked.most, long=True), span, now_ms, tell)
    tell("roll-ups", 0, 1)
    total += rollups_compared(client, database, span, asked.most)
    tell("roll-ups", 1, 1)
    return total


def _slots(client: Client, database: str, span: Span, cut: Cut, most: int, tell: Tell) -> Compared:
    total = Compared()
    load = load_of(client, database, span)
    all_rows, done = sum(one.rows for one in load), 0
    tell("slots", 0, all_rows)
    for part, rows_there in chunks(load, span.pane_ms):
        rows = rows_of(client, database, part, late="repaired")
        compared, wrong = differing_panes(client, database, part, cut, rows)
        total += compared
        for at_ms in sorted(wrong):
            if len(total.differences) >= most:
                break
            pane = Span(at_ms, at_ms + span.pane_ms, span.pane_ms)
            room = most - len(total.differences)
            total += Compared(differences=slot_differences(client, database, pane, cut, rows, room))
        done += rows_there
        tell("slots", done, all_rows)
    return total


def _windows(task: Task, span: Span, now_ms: int, tell: Tell) -> Compared:
    longest_ms = max(window_ms(name) for name in task.names)
    try:
        check_kept(task.client, task.database, replace(span, from_ms=span.from_ms - longest_ms), task.settings, now_ms)
    except FatalError:
        task = replace(task, kept_from_ms=max(task.kept_from_ms, span.from_ms))
    length_ms, done = span.to_ms - span.from_ms, 0

    def advance(by_ms: int) -> None:
        nonlocal done
        done += by_ms
        tell(task.named, done, length_ms)

    tell(task.named, 0, length_ms)
    return windows_compared(task, span, advance)
