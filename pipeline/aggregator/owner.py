"""Owns source partitions: takes them over, counts their batches, settles and commits.

The order in `settle` is the guarantee: final snapshots, dead letters and notices of late events are acknowledged first
(signals were already, before the position moved on), then offset and progress are committed, then the marks are told.
Whatever dies in between is done again from the held-back offset, and gives the same records. Before any of it the group
is asked whether the partitions are still ours (the lease): a process may have been stopped while others had them.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from typing import Any

from faust.types import TP

from pipeline.aggregator.flood import flood_message
from pipeline.aggregator.idle import IdleClock
from pipeline.aggregator.intake import Intake, Taken
from pipeline.aggregator.outbox import Outbox
from pipeline.aggregator.takeover import as_found, state_of, tell_what_is_gone, watermark_at_ms
from pipeline.core import commit_state
from pipeline.core.columns import SeriesTable
from pipeline.core.dead_limit import DeadLimits, DeadRun
from pipeline.core.pane_rows import SeriesLimits
from pipeline.core.records import Mark
from pipeline.core.resume import resume
from pipeline.core.source import Checkpoint, Progress, SourcePartition, TimeRules
from pipeline.errors import BlockedError
from pipeline.faust_ext.batch import Batch
from pipeline.faust_ext.clock import wall_ms
from pipeline.faust_ext.lease import Lease
from pipeline.faust_ext.producer import Outgoing
from pipeline.faust_ext.rewind import Rewinder
from pipeline.faust_ext.undivided import Undivided
from pipeline.faust_ext.watchdog import FETCH_IS_FRESH_MS, Watchdog, place_of
from pipeline.settings import Settings
from pipeline.topics import topics_of

log = logging.getLogger(__name__)

TABLE_LIMIT = 100_000
"""Series names kept interned; more are forgotten and looked up anew."""


class Aggregator:
    """Phase 1 over the source partitions that this worker owns. `app` is set once it is made."""

    def __init__(self, settings: Settings) -> None:
        self.app: Any = None
        self.boot_id = uuid.uuid4().hex[:12]
        self.partitions: dict[TP, SourcePartition] = {}
        self._settings = settings
        self._topics = topics_of(settings)
        self._rules = TimeRules(
            settings.pane_seconds * 1000, settings.out_of_orderness_ms, settings.allowed_lateness_ms
        )
        self._limits = SeriesLimits(settings.partitions, settings.series_max, settings.services_max)
        self._dead_limits = DeadLimits(settings.dead_ratio, settings.dead_consecutive)
        self._table = SeriesTable()
        self._intake = Intake(settings, self._table)
        self._outbox = Outbox.of(settings)
        self._idle: dict[TP, IdleClock] = {}
        self._pending: dict[TP, list[Outgoing]] = {}  # dead letters and late events since the last settling
        self._committed: dict[TP, tuple[int, str]] = {}
        self._lease = Lease(self._claim)
        self._rewinder = Rewinder()
        self._generation = -1
        self._undivided = Undivided(self._forget)
        self._watchdog = Watchdog(int(settings.stuck_seconds * 1000))

    async def restore(self, committed: Mapping[TP, Any], begins: Mapping[TP, int], generation: int) -> Mapping[TP, int]:
        """Take partitions over; return for each where to read on from.

        What this process committed last is still true of its own state, which is then kept; else the open panes are
        rebuilt from the held-back offset.
        """
        async with self._undivided:
            self._lease.end()
            kept = {tp: self.partitions[tp] for tp in committed if self._is_still_ours(tp, committed[tp])}
            self.partitions = {
                tp: kept.get(tp) or self._taken_over(tp, found, begins[tp]) for tp, found in committed.items()
            }
            # What was found by a state that is gone is found again.
            self._pending = {tp: records for tp, records in self._pending.items() if tp in kept}
            now_ms = wall_ms()
            for tp, partition in self.partitions.items():
                if tp not in kept:
                    at_ms = watermark_at_ms(tp, committed[tp])
                    self._idle[tp] = IdleClock(
                        now_ms, partition.progress.watermark_ms, now_ms if at_ms is None else at_ms
                    )
            # Also of those that are kept: the answer to the last commit may have been lost.
            self._committed = {tp: as_found(found, begins[tp]) for tp, found in committed.items()}
            self._generation = generation
            log.info("owns %d partitions, %d of them kept with their state", len(self.partitions), len(kept))
            return {tp: partition.next_offset for tp, partition in self.partitions.items()}

    def _taken_over(self, tp: TP, found: Any, begin: int) -> SourcePartition:
        progress, offset = Progress(position=begin), begin
        if found is not None:
            offset = found.offset
            progress = state_of(tp, found.metadata).progress() if found.metadata else Progress(position=offset)
        resumed = resume(offset, progress, begin, self._rules, self._settings.future_limit_ms)
        tell_what_is_gone(tp, resumed)
        partition = SourcePartition(resumed.progress, self._rules, self._limits)
        partition.next_offset = resumed.start
        return partition

    def _is_still_ours(self, tp: TP, found: Any) -> bool:
        if tp not in self.partitions or found is None or not found.metadata:
            return False
        return state_of(tp, found.metadata).owner == self.boot_id

    async def receive(self, batch: Batch) -> None:
        """Count one batch. A hole before it is read again; what was counted already is passed over."""
        partition = self.partitions.get(batch.tp)
        if partition is None or batch.generation != self._generation:
            return
        if not await self._rewinder.fits(self.app, batch, partition.next_offset):
            return
        position = partition.next_offset
        fresh = [record for record in batch.records if record.offset >= position]
        taken = self._intake.take(batch.tp, fresh, partition.replayed_to)
        run = self._judged(batch.tp, partition.progress.run, taken)
        if taken.signals:
            # At once, and before the position moves on: a commit must not pass what has not arrived.
            await self.app.producer.deliver([self._outbox.signal(signal) for signal in taken.signals])
            if self.partitions.get(batch.tp) is not partition or partition.next_offset != position:
                return  # a rebalance came in between; the records are read again
        late = partition.add(taken.columns, self._table.series, next_offset=batch.next_offset, dead=taken.dead, run=run)
        pending = self._pending.setdefault(batch.tp, [])
        pending += [self._outbox.dead_letter(letter) for letter in taken.letters]
        if late:
            pending.append(self._outbox.late(source_name(batch.tp), late))
        if batch.next_offset > partition.replayed_to:  # what is read again is no news: time has gone by since
            self._idle[batch.tp].saw_events(partition.progress.watermark_ms, wall_ms())
        if len(self._table) > TABLE_LIMIT:
            self._forget_numbers()

    def _judged(self, tp: TP, run: DeadRun, taken: Taken) -> DeadRun:
        """Return what the partition's last events were; BlockedError before anything of a flood of bad ones is told."""
        if not taken.verdicts:
            return run.after_good(taken.good).without(self._dead_limits)
        after, flood = run.after(taken.verdicts, self._dead_limits)
        if flood is not None:
            raise BlockedError(flood_message(source_name(tp), flood, taken.verdicts))
        return after

    def _forget_numbers(self) -> None:
        for partition in self.partitions.values():
            for pane in partition.panes.values():
                pane.forget_numbers(self._table.series)
        self._table.clear()

    def _forget(self) -> None:
        """Hold nothing, and commit nothing until the next `restore`."""
        self._generation = -1
        self.partitions = {}
        self._pending.clear()

    async def settle(self) -> None:
        """Send what is due, commit, and tell the marks."""
        async with self._undivided:
            if self._generation >= 0:
                await self._settle(wall_ms())

    async def release(self) -> None:
        """Settle once more before a rebalance, so that the next owner has little to read again; then stand still."""
        async with self._undivided:
            if self._generation >= 0:
                await self._settle(wall_ms())
            self._generation = -1

    async def _settle(self, now_ms: int) -> None:
        consumer = self.app.consumer
        self._watchdog.check(
            {source_name(tp): place_of(consumer, tp, p.next_offset, now_ms) for tp, p in self.partitions.items()},
            now_ms,
        )
        await self._rewinder.look(self.app, {tp: p.next_offset for tp, p in self.partitions.items()}, now_ms)
        if not await self._lease.holds():
            log.warning("the group gave the partitions to others while this process was away: it stands still")
            self._generation = -1
            return
        outgoing = [record for records in self._pending.values() for record in records]
        self._pending.clear()
        checkpoints: dict[TP, Checkpoint] = {}
        for tp, partition in self.partitions.items():
            if partition.is_replaying:
                continue
            source = source_name(tp)
            self._advance_if_idle(tp, partition, now_ms)
            outgoing += self._outbox.final(source, partition.close(self._table.series))
            outgoing += self._outbox.opened(source, partition, self._table.series)
            checkpoints[tp] = partition.checkpoint()
        await self.app.producer.deliver(outgoing)
        if await self._commit(checkpoints):
            await self.app.producer.deliver(self._outbox.marks(self.boot_id, now_ms, self._marks(checkpoints)))
        else:
            # The group has moved on: what was closed here is not committed, and nothing may be decided by it.
            self._generation = -1

    def _advance_if_idle(self, tp: TP, partition: SourcePartition, now_ms: int) -> None:
        consumer = self.app.consumer
        nothing_queued = consumer.next_fetch(tp) == partition.next_offset
        watermark_ms = self._idle[tp].look(
            at_end=nothing_queued and consumer.at_end(tp, FETCH_IS_FRESH_MS, now_ms),
            now_ms=now_ms,
            idle_after_ms=self._settings.idle_after_ms,
            start_grace_ms=self._settings.start_grace_ms,
        )
        if watermark_ms is not None:
            partition.advance_watermark(watermark_ms)

    async def _commit(self, checkpoints: Mapping[TP, Checkpoint]) -> bool:
        offsets = {
            tp: (checkpoint.offset, self._metadata(tp, checkpoint.progress)) for tp, checkpoint in checkpoints.items()
        }
        changed = {tp: value for tp, value in offsets.items() if self._committed[tp] != value}
        return await self._try_commit(changed)

    async def _claim(self) -> bool:
        """Commit what is committed anyway: the broker takes it only from the owner."""
        return await self._try_commit(self._committed)

    async def _try_commit(self, offsets: Mapping[TP, tuple[int, str]]) -> bool:
        asked_ms = wall_ms()
        if offsets and not await self.app.consumer.commit_with_metadata(self._generation, offsets):
            return False
        if offsets:
            self._lease.answered(asked_ms)
        self._committed |= offsets
        return True

    def _metadata(self, tp: TP, progress: Progress) -> str:
        return commit_state.encode(self.boot_id, progress, self._idle[tp].when(progress.watermark_ms))

    def _marks(self, checkpoints: Mapping[TP, Checkpoint]) -> list[Mark]:
        return [
            checkpoint.progress.mark(
                source_name(tp), epoch=self._settings.epoch_of(tp.topic), idle=self._idle[tp].is_idle
            )
            for tp, checkpoint in checkpoints.items()
            if tp.topic != self._topics.samples  # samples have no panes yet
        ]


def source_name(tp: TP) -> str:
    """Return the name of a source partition: ``events.operations-3``."""
    return f"{tp.topic}-{tp.partition}"
