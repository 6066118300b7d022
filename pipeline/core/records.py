"""What travels on `panes`, `events.late` and `signals`: snapshots, marks, late events (msgpack), signals (JSON).

Every record is tagged with its kind and format version (``s1``, ``m1``), so that an upgrade reads what the last
release wrote.
"""

from __future__ import annotations

from typing import cast

import msgspec

from pipeline.core.block import PackedBlock
from pipeline.core.example import RowExample
from pipeline.core.series import Series

PART_SERIES = 128
"""Series in one part of a snapshot: keeps a record under the topic's limit whatever the number of series."""


class Snapshot(msgspec.Struct, array_like=True, tag="s1", gc=False, frozen=True):
    """Everything one source partition contributes so far to one pane, for the series of one shard.

    Cumulative: it replaces the earlier snapshot of the same (epoch, source, pane_start_ms, shard, part) and is never
    added to it. `version` is the last source offset that it includes; the greater wins. Part ``n`` holds series
    ``n * PART_SERIES …`` of the shard in order of their first event, so parts stand alone.
    """

    epoch: int
    source: str  # "topic-partition" that the events came from, for example "events.operations-3"
    pane_start_ms: int
    pane_ms: int
    shard: int
    part: int
    version: int
    final: bool  # the pane is closed at this source; nothing greater follows
    block: PackedBlock
    examples: list[RowExample] = []  # not told before, or of a final one all; no part of what is counted


class Mark(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """How far one source partition has come; committed by its owner before it is told."""

    epoch: int
    source: str
    position: int  # next offset to be read
    watermark_ms: int | None  # None: no event was ever seen
    closed_through_ms: int | None  # panes that end at or before this are final
    idle: bool  # at its end, and nothing for a while
    operations: int  # events counted in panes since the source's first offset
    errors: int
    late: int  # events after their pane was closed: only in the raw tables
    dead: int  # records and events refused to the dead letters


class Marks(msgspec.Struct, array_like=True, tag="m1", gc=False, frozen=True):
    """The marks of all source partitions of one aggregator, told to every `panes` partition."""

    worker: str
    told_ms: int
    marks: list[Mark]


PanesRecord = Snapshot | Marks


class LateEvents(msgspec.Struct, array_like=True, tag="late1", gc=False, frozen=True):
    """Events of one source partition that came after their pane was closed; on topic ``events.late``.

    Three lists of one length: an event's offset, its place in the record's array (0 for a single object), and the start
    of the pane that it came too late for. Identity of each: (epoch, source, offset, index); telling twice changes
    nothing.
    """

    epoch: int
    source: str
    offsets: list[int]
    indexes: list[int]
    pane_starts_ms: list[int]


class Signal(msgspec.Struct, tag="signal1", tag_field="type", gc=False, frozen=True):
    """A critical error, passed straight on to the alert agent. Identity: (epoch, source, offset, index)."""

    epoch: int
    source: str
    offset: int
    index: int  # place in the record's array, 0 for a single object
    timestamp_ms: int
    environment: str
    service: str
    operation: str  # empty when the error names none
    error_type: str
    message: str
    event_id: str
    user_id: str | None = None
    request_id: str | None = None
    trace_id: str | None = None

    def series(self) -> Series:
        """The series that the error is about: its operation, or its service where it names none."""
        return Series(self.environment, self.service, self.operation)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(PanesRecord)
_late_decoder = msgspec.msgpack.Decoder(LateEvents)
_signal_encoder = msgspec.json.Encoder()
_signal_decoder = msgspec.json.Decoder(Signal)


def encode(record: PanesRecord) -> bytes:
    """Return a snapshot or marks as msgpack."""
    return _encoder.encode(record)


def decode(payload: bytes) -> PanesRecord:
    """Return the snapshot or marks in a `panes` record; raises msgspec.DecodeError for anything else."""
    return cast(PanesRecord, _decoder.decode(payload))


def encode_late(late: LateEvents) -> bytes:
    """Return notice of late events as msgpack."""
    return _encoder.encode(late)


def decode_late(payload: bytes) -> LateEvents:
    """Return the late events in an ``events.late`` record; raises msgspec.DecodeError for anything else."""
    return _late_decoder.decode(payload)


def encode_signal(signal: Signal) -> bytes:
    """Return a signal as JSON."""
    return _signal_encoder.encode(signal)


def decode_signal(payload: bytes) -> Signal:
    """Return the signal in a `signals` record; raises msgspec.DecodeError for anything else."""
    return _signal_decoder.decode(payload)
