"""A batch of records → columns to be counted, dead letters, and signals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
from faust.types import TP

from pipeline.aggregator.event_columns import RecordPlaces, error_columns, operation_columns, sample_columns
from pipeline.core.columns import CRITICAL, Columns, SeriesTable
from pipeline.core.dead_limit import Verdict
from pipeline.core.records import Signal
from pipeline.core.replay import of_the_past
from pipeline.core.source import TimeRules
from pipeline.decode.batch import decode_errors, decode_operations, decode_samples
from pipeline.decode.dead_letter import dead_letter
from pipeline.decode.derived import future_detail
from pipeline.decode.json_text import element_of
from pipeline.decode.replay import is_replay
from pipeline.decode.result import Decoded, Rejection
from pipeline.settings import Settings
from pipeline.topics import topics_of
from schemas.reasons import Reason

Decode = Callable[[Sequence[Any]], Decoded[Any]]
ToColumns = Callable[[Sequence[Any], Sequence[int], Sequence[int], RecordPlaces, SeriesTable], Columns]

SIGNAL_MESSAGE_LENGTH = 500
"""Characters of an error's message that travel with a signal."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a batch holds. All but the columns is of records at or after the position that was asked for.

    `verdicts` has every event in log order if any was refused, and is empty if all `good` ones are fine.
    """

    columns: Columns
    dead: int
    letters: list[bytes]
    signals: list[Signal]
    good: int
    verdicts: list[Verdict]


class Intake:
    """Decodes batches of any of the event topics. Below a position nothing is told again, only counted."""

    def __init__(self, settings: Settings, table: SeriesTable) -> None:
        topics = topics_of(settings)
        self._epoch_of = settings.epoch_of
        self._future_limit_ms = settings.future_limit_ms
        self._rules = TimeRules(
            settings.pane_seconds * 1000, settings.out_of_orderness_ms, settings.allowed_lateness_ms
        )
        self._table = table
        self._decode: dict[str, tuple[Decode, ToColumns]] = {
            topics.operations: (decode_operations, operation_columns),
            topics.errors: (decode_errors, error_columns),
            topics.samples: (decode_samples, sample_columns),
        }

    def take(self, tp: TP, records: Sequence[Any], told_to: int) -> Taken:
        """Decode records of one partition; of those before offset `told_to`, letters and signals were sent before."""
        decode, to_columns = self._decode[tp.topic]
        decoded = decode([record.value for record in records])
        places = RecordPlaces.of(records)
        columns = to_columns(decoded.events, decoded.record_of, decoded.index_of, places, self._table)
        columns = self._with_past(columns, records)
        rejections = list(decoded.rejections)
        ahead = columns.timestamp_ms - columns.append_ms > self._future_limit_ms
        if ahead.any():
            rejections += self._future(decoded, records, np.flatnonzero(ahead).tolist())
        rejections = [one for one in rejections if records[one.record].offset >= told_to]
        letters = [self._letter(tp, records[one.record], one) for one in rejections]
        good = ~ahead & (columns.offset >= told_to)
        verdicts = _verdicts(columns.only(good), rejections, records) if rejections else []
        signals = self._signals(tp, decoded, columns, ~ahead, told_to) if to_columns is error_columns else []
        counted = ~ahead if to_columns is not sample_columns else np.zeros(len(columns), np.bool_)
        chosen = columns if counted.all() else columns.only(counted)
        return Taken(chosen, len(letters), letters, signals, int(good.sum()), verdicts)

    def _with_past(self, columns: Columns, records: Sequence[Any]) -> Columns:
        """Say which events were sent again from the dead letters when their time had gone by."""
        replayed = [bool(record.headers) and is_replay(record.headers) for record in records]
        if not any(replayed):
            return columns
        past = of_the_past(columns.timestamp_ms, columns.append_ms, self._rules)
        return replace(columns, past=past & np.array(replayed, np.bool_)[columns.record])

    def _future(self, decoded: Decoded[Any], records: Sequence[Any], events: list[int]) -> list[Rejection]:
        rejections = []
        for event in events:
            record, index = records[decoded.record_of[event]], decoded.index_of[event]
            detail = future_detail(decoded.events[event].timestamp_ms, record.timestamp, self._future_limit_ms)
            place = index if record.value.lstrip()[:1] == b"[" else None
            element = element_of(record.value, index)
            rejections.append(Rejection(decoded.record_of[event], place, Reason.FUTURE_TIMESTAMP, detail, element))
        return rejections

    def _letter(self, tp: TP, record: Any, rejection: Rejection) -> bytes:
        letter = dead_letter(
            rejection,
            topic=tp.topic,
            partition=tp.partition,
            offset=record.offset,
            epoch=self._epoch_of(tp.topic),
            append_time_ms=record.timestamp,
            key=record.key,
            headers=record.headers,
        )
        return msgspec.json.encode(letter)

    def _signals(self, tp: TP, decoded: Decoded[Any], columns: Columns, timely: Any, told_to: int) -> list[Signal]:
        critical = (columns.flags == CRITICAL) & timely & (columns.offset >= told_to)
        if columns.past is not None:
            critical &= ~columns.past  # nobody is told of the past by a replay
        return [
            _signal(
                decoded.events[event],
                self._epoch_of(tp.topic),
                f"{tp.topic}-{tp.partition}",
                int(columns.offset[event]),
                decoded.index_of[event],
            )
            for event in np.flatnonzero(critical).tolist()
        ]


def _verdicts(good: Columns, rejections: Sequence[Rejection], records: Sequence[Any]) -> list[Verdict]:
    """Return what became of each event, in log order."""
    found = [
        ((record, index), Verdict(offset))
        for record, index, offset in zip(good.record.tolist(), good.index.tolist(), good.offset.tolist(), strict=True)
    ]
    found += [
        ((one.record, one.index or 0), Verdict(records[one.record].offset, one.reason, one.detail))
        for one in rejections
    ]
    return [verdict for _, verdict in sorted(found, key=lambda one: one[0])]


def _signal(event: Any, epoch: int, source: str, offset: int, index: int) -> Signal:
    return Signal(
        epoch=epoch,
        source=source,
        offset=offset,
        index=index,
        timestamp_ms=event.timestamp_ms,
        environment=event.environment,
        service=event.service,
        operation=event.operation or "",
        error_type=event.error_type,
        message=event.message[:SIGNAL_MESSAGE_LENGTH],
        event_id=event.event_id,
        user_id=event.user_id,
        request_id=event.request_id,
        trace_id=event.trace_id,
    )
