"""Notices of late events → rows of `late_events_log`: which raw rows no slot counts."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.core.records import LateEvents
from pipeline.lander.records import Record
from pipeline.lander.rows import Column, Origin, Rows
from pipeline.lander.tables import LATE_EVENTS


def late_rows(notices: Sequence[tuple[Record, LateEvents]]) -> Rows:
    """Return a row for every late event that the records of a batch tell of. About 2 µs an event."""
    told = [
        (record, notice, place)
        for record, notice in notices
        for place in zip(notice.offsets, notice.indexes, notice.pane_starts_ms, strict=True)
    ]
    sources = [notice.source.rpartition("-") for _, notice, _ in told]
    columns: dict[str, Column] = {
        "epoch": [notice.epoch for _, notice, _ in told],
        "topic": [topic for topic, _, _ in sources],
        "partition": [int(partition) for _, _, partition in sources],
        "offset": [offset for *_, (offset, _, _) in told],
        "idx": [index for *_, (_, index, _) in told],
        "pane_start": [start_ms for *_, (_, _, start_ms) in told],
        "received_at": [record.timestamp for record, *_ in told],
    }
    return Rows(LATE_EVENTS, len(told), columns, lambda row: Origin(told[row][0], None))
