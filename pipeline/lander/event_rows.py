"""Events → rows of the raw tables. Decoded with the same code as the aggregator's; see `pipeline/decode/`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from pipeline.decode.batch import decode_errors, decode_operations, decode_samples
from pipeline.decode.derived import derived_outcome, durations_us
from pipeline.decode.events import Error, Event, Operation, Sample
from pipeline.decode.ledger_header import places_of
from pipeline.decode.result import Decoded
from pipeline.lander.fingerprint import fingerprint
from pipeline.lander.ledger_columns import event_ledger
from pipeline.lander.records import Record
from pipeline.lander.rows import Column, Origin, Rows
from pipeline.lander.tables import ERRORS, OPERATIONS, SAMPLES, Table

E = TypeVar("E", bound=Event)
Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class EventRows:
    """Rows, and how many events were passed over because the aggregator refuses them too, and says so.

    `malformed` ledger headers were passed over too.
    """

    rows: Rows
    refused: int
    malformed: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What is the same for all events of a lander."""

    epoch: int
    future_limit_ms: int
    epoch_of: Callable[[str], int] | None = None

    def epoch_in(self, records: Sequence[Record]) -> int:
        """Return the epoch of the one topic that records come from."""
        return self.epoch if self.epoch_of is None or not records else self.epoch_of(records[0].topic)


def operation_rows(records: Sequence[Record], reading: Reading) -> EventRows:
    """Return a row for every operation event in records of `events.operations`. About 4 µs an event."""
    return _rows(OPERATIONS, decode_operations([record.value for record in records]), _of_operations, records, reading)


def error_rows(records: Sequence[Record], reading: Reading) -> EventRows:
    """Return a row for every error event in records of `events.errors`."""
    return _rows(ERRORS, decode_errors([record.value for record in records]), _of_errors, records, reading)


def sample_rows(records: Sequence[Record], reading: Reading) -> EventRows:
    """Return a row for every sample in records of `events.samples`."""
    return _rows(SAMPLES, decode_samples([record.value for record in records]), _of_samples, records, reading)


def _rows(
    table: Table,
    decoded: Decoded[E],
    made: Callable[[list[E]], dict[str, Column]],
    records: Sequence[Record],
    reading: Reading,
) -> EventRows:
    events, record_of, index_of = _without_future(decoded, records, reading.future_limit_ms)
    columns = _fields(events) | made(events)
    columns["metadata"] = [bytes(event.metadata) for event in events]
    columns["timestamp"] = np.fromiter((event.timestamp_ms for event in events), np.int64, len(events))
    columns |= _origin(records, record_of, reading.epoch_in(records)) | {"idx": index_of}
    places = places_of([record.headers for record in records])
    columns |= event_ledger(places, record_of, index_of)
    rows = Rows(table, len(events), columns, lambda row: Origin(records[int(record_of[row])], int(index_of[row])))
    return EventRows(rows, len(decoded.events) - len(events) + len(decoded.rejections), places.malformed)


def _without_future(decoded: Decoded[E], records: Sequence[Record], limit_ms: int) -> tuple[list[E], Int64s, Int64s]:
    """Return events, their records and places, less those that are too far past the broker's time."""
    events = decoded.events
    record_of, index_of = np.asarray(decoded.record_of, np.int64), np.asarray(decoded.index_of, np.int64)
    latest_ms = np.array([record.timestamp for record in records], np.int64)[record_of] + limit_ms
    event_ms = np.fromiter((event.timestamp_ms for event in events), np.int64, len(events))
    fine = event_ms <= latest_ms
    if fine.all():
        return events, record_of, index_of
    return [events[place] for place in np.flatnonzero(fine).tolist()], record_of[fine], index_of[fine]


def _origin(records: Sequence[Record], record_of: Int64s, epoch: int) -> dict[str, Column]:
    topics = [record.topic for record in records]
    return {
        "epoch": np.full(len(record_of), epoch, np.int64),
        "topic": [topics[record] for record in record_of.tolist()],
        "partition": np.array([record.partition for record in records], np.int64)[record_of],
        "offset": np.array([record.offset for record in records], np.int64)[record_of],
        "received_at": np.array([record.timestamp for record in records], np.int64)[record_of],
    }


def _fields(events: Sequence[Event]) -> dict[str, Column]:
    """Return every field of the events as a column under its own name."""
    if not events:
        return {}
    columns = zip(*map(msgspec.structs.astuple, events), strict=True)
    return dict(zip(events[0].__struct_fields__, columns, strict=True))


def _of_operations(events: list[Operation]) -> dict[str, Column]:
    durations_ms = np.fromiter((event.duration_ms for event in events), np.float64, len(events))
    outcomes = [event.outcome or derived_outcome(event) for event in events]
    return {"duration_us": durations_us(durations_ms), "outcome": outcomes}


def _of_errors(events: list[Error]) -> dict[str, Column]:
    return {"fingerprint": [fingerprint(event.service, event.error_type, event.message) for event in events]}


def _of_samples(_: list[Sample]) -> dict[str, Column]:
    return {}
