"""Events sent again from the dead letters: those of the past are late, and nobody is told of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from faust.types import TP

from pipeline.aggregator.intake import Intake
from pipeline.core.columns import SeriesTable
from pipeline.core.pane_rows import SeriesLimits
from pipeline.core.source import Progress, SourcePartition, TimeRules
from pipeline.decode.replay import ATTEMPT, REPLAY_OF, attempt_of
from pipeline.settings import Settings
from schemas.structs import DeadLetter, decode

NOW_MS = 1_763_791_200_000
HOUR_MS = 3_600_000
ERRORS = TP("events.errors", 0)
AGAIN = ((REPLAY_OF, b"events.errors/0/3"), (ATTEMPT, b"2"))
RULES = TimeRules(10_000, 2_000, 30_000)


@dataclass(frozen=True)
class Record:
    """A record as aiokafka gives it."""

    value: bytes
    offset: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp: int = NOW_MS
    key: bytes | None = field(default=None)


def critical(age_ms: int, **fields: Any) -> bytes:
    event = {"type": "error", "event_id": "e", "timestamp_ms": NOW_MS - age_ms, "service": "s", "severity": "critical"}
    return json.dumps({**event, "error_type": "T", "message": "m", **fields}).encode()


class Aggregating:
    """An intake and one partition of events.errors."""

    def __init__(self, progress: Progress | None = None) -> None:
        self.table = SeriesTable()
        self.intake = Intake(Settings(), self.table)
        self.partition = SourcePartition(progress or Progress(0), RULES, SeriesLimits(8, 2_000, 256))
        self.signals = 0
        self.late: list[int] = []
        self.letters: list[DeadLetter] = []

    def take(self, *records: Record) -> None:
        taken = self.intake.take(ERRORS, records, self.partition.replayed_to)
        past = records[-1].offset + 1
        late = self.partition.add(taken.columns, self.table.series, next_offset=past, dead=taken.dead)
        self.signals += len(taken.signals)
        self.late += late.offset.tolist()
        for letter in map(decode, taken.letters):
            assert isinstance(letter, DeadLetter)
            self.letters.append(letter)


def test_a_replayed_critical_error_of_the_past_is_late_and_raises_no_signal() -> None:
    it = Aggregating()
    it.take(Record(critical(0), 0), Record(critical(HOUR_MS), 1, AGAIN), Record(critical(0), 2))
    assert (it.signals, it.late, it.partition.progress.errors) == (2, [1], 2)


def test_the_same_event_sent_for_the_first_time_does_raise_one() -> None:
    it = Aggregating()
    it.take(Record(critical(HOUR_MS), 0))
    assert (it.signals, it.late) == (1, [])


def test_a_replay_sets_no_watermark_and_opens_no_pane_on_a_partition_that_was_never_used() -> None:
    it = Aggregating()
    it.take(Record(critical(HOUR_MS), 0, AGAIN))
    assert (it.partition.progress.watermark_ms, it.partition.panes, it.late) == (None, {}, [0])
    assert it.partition.checkpoint().offset == 1


def test_a_replay_does_not_move_a_partition_that_is_far_behind() -> None:
    behind_ms = NOW_MS - 5 * HOUR_MS
    it = Aggregating(Progress(0, watermark_ms=behind_ms))
    it.take(Record(critical(HOUR_MS), 0, AGAIN))
    assert (it.partition.progress.watermark_ms, it.partition.panes, it.late) == (behind_ms, {}, [0])


@pytest.mark.parametrize(("age_ms", "of_the_past"), [(0, False), (40_000, False), (52_000, True)])
def test_a_replayed_event_whose_pane_may_still_be_open_counts_as_any_other(age_ms: int, of_the_past: bool) -> None:  # noqa: FBT001 - a parameter
    it = Aggregating()
    it.take(Record(critical(age_ms), 0, AGAIN))
    assert (it.signals, it.late) == ((0, [0]) if of_the_past else (1, []))


def test_one_that_is_refused_again_says_how_often_it_was_tried() -> None:
    it = Aggregating()
    it.take(Record(b"no JSON", 0), Record(b"no JSON", 1, AGAIN))
    assert [letter.attempt for letter in it.letters] == [1, 2]


@pytest.mark.parametrize("told", [b"", b"two", b"-1", b"0", b"9" * 400, None])
def test_a_count_that_is_none_is_the_first(told: bytes | None) -> None:
    assert attempt_of([(ATTEMPT, told)]) == 1
