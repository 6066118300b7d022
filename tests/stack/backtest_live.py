"""A pipeline on a clock of its own: real intake, panes, marks, shards; what it decides, and what the lander would land.

Decided on the watermark and by critical errors as they arrive; nothing is looked at early.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import msgspec
from faust.types import TP

from pipeline.aggregator.idle import IdleClock
from pipeline.aggregator.intake import Intake
from pipeline.core import records as panes_records
from pipeline.core.alert_engine import evaluate, take
from pipeline.core.alert_rules import compile_rules
from pipeline.core.alert_signal import evaluate_signal
from pipeline.core.alert_transition import Evaluation
from pipeline.core.block import pack
from pipeline.core.closed_pane import ClosedPane
from pipeline.core.columns import SeriesTable
from pipeline.core.pane_rows import SeriesLimits
from pipeline.core.records import Mark, Marks, Signal, Snapshot
from pipeline.core.rules import Rule
from pipeline.core.series import shard_of
from pipeline.core.source import Progress, SourcePartition, TimeRules
from pipeline.evaluator.keys import closed_key
from pipeline.evaluator.pane_records import PaneRecords
from pipeline.evaluator.shard import Shard, Side
from pipeline.kept_windows import kept_windows, long_window_config, window_config
from pipeline.settings import Settings
from schemas.structs import Alert, AlertDecision
from tests.contracts.kafka_records import NOW_MS, FakeRecord, error, operation

SETTINGS = Settings(partitions=2, long_windows=("2m", "10m"), long_pane_seconds=60)
BEGIN_MS = NOW_MS // 3_600_000 * 3_600_000 - 2 * 3_600_000
MINUTE_S = 60
LASTS_S = 20 * MINUTE_S
PARTITIONS = {"events.operations": 2, "events.errors": 1}


def called(second: int, number: int) -> dict[str, Any] | None:
    """One call: a storm from minute 5 to 8, a slow search from 6 to 9, silence of the search from 12 to 15."""
    service, name = (("shop", "pay"), ("shop", "refund"), ("search", "query"))[number % 3]
    if service == "search" and 12 * MINUTE_S <= second < 15 * MINUTE_S:
        return None
    failed = name == "pay" and (5 * MINUTE_S <= second < 8 * MINUTE_S) and second % 5 != 0
    slow = service == "search" and 6 * MINUTE_S <= second < 9 * MINUTE_S
    return operation(
        second * 10 + number,
        service=service,
        operation=name,
        success=not failed and (second * 7 + number) % 97 != 0,
        duration_ms=(second * 7919 + number) % 300 + (2_500 if slow else 0),
    )


CRITICAL_S = (200, 205, 601, 602)


def happenings(seed: int) -> Iterator[tuple[int, str, int, dict[str, Any]]]:
    """Second of arrival, topic, partition and event: up to 2 s old, and not in order."""
    chance = random.Random(seed)
    for second in range(LASTS_S):
        for number in range(6):
            event = called(second, number)
            if event is not None:
                at_ms = BEGIN_MS + second * 1_000 - chance.randrange(1_000) + chance.randrange(900)
                yield second + 1, "events.operations", number % 2, {**event, "timestamp_ms": at_ms}
        if second in CRITICAL_S or second % 45 == 7:
            severity = "critical" if second in CRITICAL_S else "error"
            at_ms = BEGIN_MS + second * 1_000 + 250
            yield second + 1, "events.errors", 0, error(second, severity=severity, service="shop", timestamp_ms=at_ms)


class Source:
    """One source partition and its clock."""

    def __init__(self, topic: str, partition: int) -> None:
        self.tp = TP(topic, partition)
        times = TimeRules(10_000, SETTINGS.out_of_orderness_ms, SETTINGS.allowed_lateness_ms)
        limits = SeriesLimits(SETTINGS.partitions, SETTINGS.series_max, SETTINGS.services_max)
        self.partition = SourcePartition(Progress(position=0), times, limits)
        self.idle = IdleClock(BEGIN_MS, None, BEGIN_MS)
        self.offset = 0

    @property
    def name(self) -> str:
        return f"{self.tp.topic}-{self.tp.partition}"


class Live:
    """All of it. `panes` are the records of the topic `panes`, `errors` those of `events.errors`, as they came."""

    def __init__(self, rules: list[Rule]) -> None:
        self.rules = compile_rules(rules, kept_windows(SETTINGS))
        self.table = SeriesTable()
        self.intake = Intake(SETTINGS, self.table)
        self.sources = {(topic, n): Source(topic, n) for topic, count in PARTITIONS.items() for n in range(count)}
        self.closed: dict[bytes, bytes] = {}
        self.long: dict[bytes, bytes] = {}
        self.shards = [self._shard(number) for number in range(SETTINGS.partitions)]
        for shard in self.shards:
            shard.engine.set_sources([one.name for one in self.sources.values()])
        self.panes: list[bytes] = []
        self.errors: list[FakeRecord] = []
        self.alerts: list[Alert] = []
        self.decisions: list[AlertDecision] = []

    def _shard(self, number: int) -> Shard:
        far = long_window_config(SETTINGS, shard=number, shards=SETTINGS.partitions)
        assert far is not None
        near = window_config(SETTINGS, shard=number, shards=SETTINGS.partitions)
        return Shard(near, self.rules, self.closed, shards=SETTINGS.partitions, long=(far, self.long))

    def run(self, seed: int) -> None:
        """Let everything happen, and then time go by until all panes are closed."""
        arriving: dict[int, list[tuple[str, int, dict[str, Any]]]] = {}
        for second, *what in happenings(seed):
            arriving.setdefault(second, []).append(tuple(what))  # type: ignore[arg-type]  # three of them
        for second in range(LASTS_S + 2 * MINUTE_S):
            self._second(BEGIN_MS + second * 1_000, arriving.get(second, []))

    def _second(self, now_ms: int, arrived: list[tuple[str, int, dict[str, Any]]]) -> None:
        for key, source in self.sources.items():
            mine = [event for topic, partition, event in arrived if (topic, partition) == key]
            self._receive(source, mine, now_ms)
        if now_ms % 2_000:
            return
        for source in self.sources.values():
            self._send_panes(source, now_ms)
        self._told(panes_records.encode(Marks("w", now_ms, [self._mark(one) for one in self.sources.values()])))
        for shard in self.shards:
            self._settle(shard, now_ms)

    def _receive(self, source: Source, events: list[dict[str, Any]], now_ms: int) -> None:
        if not events:
            return
        records = [
            FakeRecord(source.tp.topic, source.offset + at, json.dumps(one).encode(), source.tp.partition, now_ms)
            for at, one in enumerate(events)
        ]
        source.offset += len(records)
        taken = self.intake.take(source.tp, records, 0)
        assert taken.dead == 0
        late = source.partition.add(taken.columns, self.table.series, next_offset=source.offset)
        assert len(late) == 0
        source.idle.saw_events(source.partition.progress.watermark_ms, now_ms)
        self.errors += records if source.tp.topic == "events.errors" else []
        for signal in taken.signals:
            self._signal(signal)

    def _signal(self, signal: Signal) -> None:
        shard = self.shards[shard_of(signal.series(), len(self.shards))]
        self._take(shard, evaluate_signal(shard.rules, signal, shard.states, shard.engine.watermark_ms))

    def _send_panes(self, source: Source, now_ms: int) -> None:
        idle_ms = source.idle.look(
            at_end=True, now_ms=now_ms, idle_after_ms=SETTINGS.idle_after_ms, start_grace_ms=SETTINGS.start_grace_ms
        )
        if idle_ms is not None:
            source.partition.advance_watermark(idle_ms)
        for closing in source.partition.close(self.table.series):
            for part in closing.parts:
                self._told(panes_records.encode(_snapshot(source, closing.pane_start_ms, part, final=True)))
        for start_ms, pane in source.partition.panes.items():
            for part in pane.snapshots(self.table.series, everything=False):
                self._told(panes_records.encode(_snapshot(source, start_ms, part, final=False)))

    def _mark(self, source: Source) -> Mark:
        now = source.partition.progress
        return Mark(
            1, source.name, now.position, now.watermark_ms, now.closed_through_ms, source.idle.is_idle,
            now.operations, now.errors, now.late, now.dead,
        )  # fmt: skip

    def _told(self, record: bytes) -> None:
        """One record of `panes`: to the shards, and kept for the lander."""
        offset = len(self.panes)
        self.panes.append(record)
        found = panes_records.decode(record)
        for shard in self.shards:
            if isinstance(found, Marks):
                shard.engine.on_marks(found, offset)
                self._emit(shard)
            elif found.shard == shard.number:
                shard.engine.on_snapshot(found, offset)

    def _emit(self, shard: Shard) -> None:
        for end_ms in shard.engine.due_steps():
            view = shard.engine.view(end_ms, "on_time")
            self._take(shard, evaluate(shard.rules, view, shard.states))
            shard.engine.emitted(view)
        for end_ms in shard.engine.late_steps():
            shard.engine.emitted(shard.engine.view(end_ms, "late"))

    def _take(self, shard: Side, evaluation: Evaluation) -> None:
        take(shard.states, evaluation)
        self.alerts += [one.alert for one in evaluation.transitions if one.alert is not None]
        self.decisions += shard.decisions.told(shard.rules, evaluation, shard.states)

    def _settle(self, shard: Shard, now_ms: int) -> None:
        assert shard.long is not None
        shard.committed(shard.commit_states())
        for pane in shard.engine.close_due(now_ms):
            self._write(shard.records, self.closed, pane)
            shard.engine.closed(pane)
            shard.long.windows.closed(pane.start_ms, [pane.block])
        if shard.engine.closed_through_ms is not None:
            shard.long.windows.closed_through(shard.engine.closed_through_ms)
        for end_ms in shard.long.engine.due_steps():
            view = shard.long.engine.view(end_ms, "on_time")
            view.completeness = shard.engine.frontier.completeness(end_ms)
            self._take(shard.long, evaluate(shard.long.rules, view, shard.long.states))
            shard.long.engine.emitted(view)
        for pane in shard.long.engine.close_due(now_ms):
            self._write(shard.long.records, self.long, pane)
            shard.long.engine.closed(pane)

    @staticmethod
    def _write(records: PaneRecords, table: dict[bytes, bytes], pane: ClosedPane) -> None:
        items = {closed_key(key): value for key, value in pane.records()}
        table.update(items)
        records.wrote(items)


def _snapshot(source: Source, start_ms: int, part: Any, *, final: bool) -> Snapshot:
    return Snapshot(1, source.name, start_ms, 10_000, part.shard, part.part, part.version, final, pack(part.block))


def in_bytes(told: list[Alert] | list[AlertDecision]) -> list[bytes]:
    """Return what was decided as JSON, in one order whatever the shards; without how far the marks stood just then."""
    ordered = sorted(told, key=lambda one: (one.step_end_ms, one.rule, one.series, one.sequence))
    return [msgspec.json.encode(msgspec.structs.replace(one, watermark_ms=None)) for one in ordered]
