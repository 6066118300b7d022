"""What a batch of records holds: rows for every table, and what could not be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from pipeline.core import records as panes_records
from pipeline.lander.event_rows import EventRows, Reading, error_rows, operation_rows, sample_rows
from pipeline.lander.late_rows import late_rows
from pipeline.lander.records import Record
from pipeline.lander.rows import Origin, Rows
from pipeline.lander.slot_rows import Received, mark_rows, slot_rows
from pipeline.lander.told_rows import alert_rows, dead_letter_rows, dead_outcome_rows, decision_rows, window_stats_rows
from pipeline.settings import Settings
from pipeline.topics import topics_of
from schemas import structs
from schemas.structs import Alert, AlertDecision, DeadLetter, DeadOutcome, StatsRecord

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unusable:
    """Something that can't land: where it came from, and why."""

    origin: Origin
    detail: str


@dataclass(frozen=True, slots=True)
class Contents:
    """Rows by table, what could not be read, and how many events the aggregator writes to the dead letters.

    `malformed` ledger headers were passed over: their events land without a producer.
    """

    rows: list[Rows]
    unusable: list[Unusable]
    refused: int
    malformed: int = 0


def read_contents(records: Iterable[Record], settings: Settings) -> Contents:
    """Return what the records of a batch hold, in the order of topics and records: the same for the same records."""
    topics = topics_of(settings)
    by_topic: dict[str, list[Record]] = {}
    for record in records:
        by_topic.setdefault(record.topic, []).append(record)
    reading = Reading(settings.epoch, settings.future_limit_ms, settings.epoch_of)
    contents = Contents([], [], 0)

    def windows(some: Sequence[Record], bad: list[Unusable]) -> list[Rows]:
        return [window_stats_rows(list(_told(some, StatsRecord, bad)), settings.epoch)]

    readers: dict[str, Callable[[Sequence[Record], list[Unusable]], list[Rows] | EventRows]] = {
        topics.operations: lambda some, _: operation_rows(some, reading),
        topics.errors: lambda some, _: error_rows(some, reading),
        topics.samples: lambda some, _: sample_rows(some, reading),
        topics.panes: _read_panes,
        topics.stats: windows,
        topics.long_stats: windows,
        topics.alerts: lambda some, bad: [alert_rows(list(_told(some, Alert, bad)))],
        topics.decisions: lambda some, bad: [decision_rows(list(_told(some, AlertDecision, bad)))],
        topics.dead: _read_dead,
        topics.late: lambda some, bad: [late_rows(list(_late(some, bad)))],
    }
    refused = malformed = 0
    for topic, some in sorted(by_topic.items()):
        found = readers[topic](some, contents.unusable)
        if isinstance(found, EventRows):
            refused += found.refused
            malformed += found.malformed
            contents.rows.append(found.rows)
        else:
            contents.rows.extend(found)
    return Contents([rows for rows in contents.rows if rows.length], contents.unusable, refused, malformed)


def _read_panes(records: Sequence[Record], unusable: list[Unusable]) -> list[Rows]:
    received = []
    for record in records:
        try:
            received.append(Received(panes_records.decode(record.value or b""), record))
        except msgspec.MsgspecError as error:
            unusable.append(_unreadable(record, error))
    return [slot_rows(received), mark_rows(received)]


def _read_dead(records: Sequence[Record], unusable: list[Unusable]) -> list[Rows]:
    told = list(_told(records, (DeadLetter, DeadOutcome), unusable))
    letters = [(record, one) for record, one in told if isinstance(one, DeadLetter)]
    outcomes = [(record, one) for record, one in told if isinstance(one, DeadOutcome)]
    return [dead_letter_rows(letters), dead_outcome_rows(outcomes)]


def _late(records: Sequence[Record], unusable: list[Unusable]) -> Iterable[tuple[Record, panes_records.LateEvents]]:
    for record in records:
        try:
            yield record, panes_records.decode_late(record.value or b"")
        except msgspec.MsgspecError as error:
            unusable.append(_unreadable(record, error))


def _told(
    records: Sequence[Record], kind: type[T] | tuple[type[T], ...], unusable: list[Unusable]
) -> Iterable[tuple[Record, T]]:
    for record in records:
        try:
            told = structs.decode(record.value or b"")
        except msgspec.MsgspecError as error:
            unusable.append(_unreadable(record, error))
            continue
        if isinstance(told, kind):
            yield record, told
        else:
            unusable.append(_unreadable(record, TypeError(f"a {type(told).__name__}")))


def _unreadable(record: Record, error: Exception) -> Unusable:
    return Unusable(Origin(record, None), f"not a record of topic {record.topic}: {error}")
