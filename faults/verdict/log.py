"""The log of ``events.*``, folded as it comes: what panes, raw rows, dead letters and alerts must say at the end."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from faults.verdict.events import INDEX_BITS, Events, events_of
from faults.verdict.fingerprint import mixed
from faults.verdict.lateness import NEVER_MS, Judged, PartitionTime
from faults.verdict.ledger import Ledgers
from faults.verdict.names import Names
from faults.verdict.sums import Sums, slot_codes
from pipeline.core.series import Series
from pipeline.decode.batch import decode
from pipeline.decode.kinds import KIND_OF_TYPE, TOPIC_OF_TYPE, TopicKind
from pipeline.decode.ledger_header import place_of_letter, places_of
from pipeline.decode.replay import is_replay
from pipeline.decode.result import Decoded
from pipeline.settings import Settings
from schemas.reasons import Reason

Int64s = npt.NDArray[np.int64]
Identity = tuple[str, int, int, int | None]
"""(topic, partition, offset, index) of what was refused; index None: the whole record"""

RAW_BITS = 12
"""Raw rows are compared in blocks of 4096 offsets."""
RAW_COLUMNS = ("rows", "identities", "times", "values")
_RAW_BLOCK_BITS = 40
KINDS = {TOPIC_OF_TYPE[name]: kind for name, kind in KIND_OF_TYPE.items()}


@dataclass(frozen=True, slots=True)
class Undecided:
    """Events that were late, or may have been; arrays of one length. `late`: for sure."""

    source: int
    place: Int64s
    code: Int64s
    linear: Int64s
    extremes: Int64s
    boot: Int64s
    sequence: Int64s
    late: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Critical:
    """A critical error in the log."""

    series: Series
    timestamp_ms: int
    append_ms: int


@dataclass
class Log:
    """What is in the log so far. Memory: a few hundred bytes a slot, one byte an event."""

    settings: Settings
    series: Names[Series]
    sources: Names[str]
    counted: Sums = field(default_factory=Sums)
    raw: defaultdict[str, Sums] = field(default_factory=lambda: defaultdict(_raw_sums))
    ledgers: Ledgers = field(default_factory=Ledgers)
    undecided: list[Undecided] = field(default_factory=list)
    dead: dict[Identity, tuple[str, str]] = field(default_factory=dict)  # reason, digest of the bytes
    dead_by_source: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    unwaited: set[tuple[int, int]] = field(default_factory=set)  # (source, pane): windows may have passed it
    criticals: list[Critical] = field(default_factory=list)
    events: int = 0
    records: int = 0
    replays: int = 0
    _times: dict[int, PartitionTime] = field(default_factory=dict)

    def take(self, kind: TopicKind, topic: str, partition: int, records: Sequence[Any], seen_ms: int) -> None:
        """Fold one batch of one partition, in log order. `seen_ms`: the wall clock when it was read."""
        decoded: Decoded[Any] = decode(KINDS[kind], [record.value for record in records])
        source = self.sources[f"{topic}-{partition}"]
        events = events_of(kind, decoded, records, self.series)
        self.records += len(records)
        ahead = events.timestamp_ms - events.append_ms > self.settings.future_limit_ms
        for rejection in decoded.rejections:
            record = records[rejection.record]
            self._refuse(source, record, rejection.index, rejection.reason, rejection.value)
        for place in np.flatnonzero(ahead).tolist():
            self._refuse_ahead(source, records[decoded.record_of[place]], decoded.index_of[place])
        boot, sequence = self._ledger(decoded, records, events)
        # Refused ones were noted above.
        self.ledgers.add(boot[~ahead], sequence[~ahead], events.append_ms[~ahead])
        fine = events.only(~ahead)
        self.events += len(fine)
        self._raw(kind, source, fine)
        if kind == "errors":
            self._criticals(decoded.events, records, decoded, ahead)
        if kind != "samples" and len(fine):
            self._count(source, fine, boot[~ahead], sequence[~ahead], seen_ms, self._replayed(records)[fine.record])

    def _ledger(self, decoded: Decoded[Any], records: Sequence[Any], events: Events) -> tuple[Int64s, Int64s]:
        places = places_of([record.headers for record in records])
        boots = np.array([*(self.ledgers.boots[name] for name in places.names), -1], np.int64)
        first = np.asarray(places.sequences, np.int64)
        boot = boots[np.asarray(places.name_of, np.int64)[events.record]]
        return boot, first[events.record] + np.asarray(decoded.index_of, np.int64)

    def _count(self, source: int, events: Events, boot: Int64s, sequence: Int64s, seen_ms: int, replayed: Any) -> None:
        judged = self._judged(source, events, seen_ms, replayed)
        pane_ms = self.settings.pane_seconds * 1000
        codes = slot_codes(source, events.timestamp_ms // pane_ms, events.series)
        unwaited = events.timestamp_ms[judged.unwaited] // pane_ms
        self.unwaited.update((source, pane) for pane in unwaited.tolist())
        sure = judged.on_time
        self.counted.add(codes[sure], events.linear[sure], events.extremes[sure])
        if not sure.all():
            rest = ~sure
            left = events.only(rest)
            self.undecided.append(
                Undecided(
                    source=source,
                    place=left.place,
                    code=codes[rest],
                    linear=left.linear,
                    extremes=left.extremes,
                    boot=boot[rest],
                    sequence=sequence[rest],
                    late=judged.late[rest],
                )
            )

    def _judged(self, source: int, events: Events, seen_ms: int, replayed: Any) -> Judged:
        time = self._times.get(source)
        if time is None:
            time = self._times[source] = PartitionTime(self.settings)
        past = replayed & time.of_the_past(events.timestamp_ms, events.append_ms)
        # What dead letters tell of the past moves no watermark.
        told_ms = np.where(past, NEVER_MS // 2, events.timestamp_ms)
        judged = time.judge(events.record, events.timestamp_ms, told_ms, events.append_ms, seen_ms)
        return Judged(judged.late | past, judged.on_time & ~past, judged.unwaited & ~past)

    def _replayed(self, records: Sequence[Any]) -> npt.NDArray[np.bool_]:
        found = np.array([bool(record.headers) and is_replay(record.headers) for record in records], np.bool_)
        self.replays += int(found.sum())
        return found

    def _raw(self, kind: str, source: int, events: Events) -> None:
        prints = mixed(events.place)
        columns = (np.ones(len(events), np.int64), prints, prints * events.timestamp_ms, prints * events.value)
        blocks = source << _RAW_BLOCK_BITS | events.place >> (INDEX_BITS + RAW_BITS)
        self.raw[kind].add(blocks, np.column_stack(columns))

    def _criticals(self, events: Sequence[Any], records: Sequence[Any], decoded: Decoded[Any], ahead: Any) -> None:
        for place, event in enumerate(events):
            record = records[decoded.record_of[place]]
            if event.severity == "critical" and not ahead[place] and not (record.headers and is_replay(record.headers)):
                series = Series(event.environment, event.service, event.operation or "")
                self.criticals.append(Critical(series, event.timestamp_ms, record.timestamp))

    def _refuse_ahead(self, source: int, record: Any, index: int) -> None:
        single = record.value.lstrip()[:1] != b"["
        self._refuse(source, record, None if single else index, Reason.FUTURE_TIMESTAMP, None)

    def _refuse(self, source: int, record: Any, index: int | None, reason: str, value: bytes | None) -> None:
        identity = (record.topic, record.partition, record.offset, index)
        whole = record.value if index is None else value
        self.dead[identity] = (str(reason), digest(whole) if whole is not None else "")
        self.dead_by_source[source] += 1
        place = place_of_letter(record.headers, index)
        if place is None:
            self.ledgers.without += 1
        else:
            numbers = range(place.sequence, place.sequence + place.events)
            self.ledgers.refused((place.producer_id, place.boot_id), numbers, record.timestamp)


def _raw_sums() -> Sums:
    return Sums(len(RAW_COLUMNS))


def raw_block(source: int, block: int) -> int:
    """Return the code of a block of raw rows."""
    return source << _RAW_BLOCK_BITS | block


def raw_parts(code: int) -> tuple[int, int]:
    """Return source and block of such a code."""
    return code >> _RAW_BLOCK_BITS, code & ((1 << _RAW_BLOCK_BITS) - 1)


def digest(value: bytes) -> str:
    """Return a short digest of bytes."""
    return hashlib.blake2b(value, digest_size=8).hexdigest()
