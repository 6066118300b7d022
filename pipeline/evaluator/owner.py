"""Owns shards: takes them over, reads their snapshots and signals, says what follows, commits.

Steps are emitted where the marks stand that make them due, so that a restart emits the same. An alert is kept in its
table first, then sent, then committed past: whatever dies in between, the next owner finds it there and sends it again.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from faust.types import TP

from pipeline.core import records
from pipeline.core.alert_engine import evaluate
from pipeline.core.records import Marks
from pipeline.core.rules import Rule
from pipeline.core.stats import stats
from pipeline.core.window_config import WindowState, encode_state
from pipeline.evaluator import commit
from pipeline.evaluator.closing import close
from pipeline.evaluator.outbox import encode_seen
from pipeline.evaluator.reading import read
from pipeline.evaluator.rule_source import FixedRules, RuleSource
from pipeline.evaluator.shard import Shard
from pipeline.evaluator.signals import take_signals
from pipeline.evaluator.sources import Sources
from pipeline.evaluator.speaker import Speaker
from pipeline.evaluator.takeover import (
    Tables,
    committed_by,
    committed_of,
    taken_over,
)
from pipeline.faust_ext.batch import Batch
from pipeline.faust_ext.clock import wall_ms
from pipeline.faust_ext.lease import Lease
from pipeline.faust_ext.rewind import Rewinder
from pipeline.faust_ext.undivided import Undivided
from pipeline.faust_ext.watchdog import Watchdog, place_of
from pipeline.kept_windows import kept_windows, long_window_config, window_config
from pipeline.settings import Settings
from pipeline.topics import topics_of

log = logging.getLogger(__name__)

LIVE_MS = 1_000
FORGET_MS = 60_000
SETTLE_MS = 1_000
"""So long after the last time, panes are closed and committed in the middle of a batch."""


class Evaluator:
    """Phase 2 over the shards that this worker owns. `app` and `tables` are set once they are made.

    `rules` never change, unless `rule_source` is set to one that does.
    """

    def __init__(self, settings: Settings, rules: Sequence[Rule]) -> None:
        self.app: Any = None
        self.tables: Tables
        self.speaker: Speaker
        self.boot_id = uuid.uuid4().hex[:12]
        self.shards: dict[int, Shard] = {}
        self._settings = settings
        self._topics = topics_of(settings)
        self.rule_source: RuleSource = FixedRules(rules, kept_windows(settings))
        self._rules = self.rule_source.compiled
        self._slow_us = round(settings.slow_threshold_ms * 1000)
        self._sources = Sources(self._topics)
        self._forgot_ms = self._settled_ms = 0
        self._committed: dict[TP, tuple[int, str]] = {}
        self._generation = -1  # nothing is ours to write
        self._undivided = Undivided(self._forget)
        self._rewinder = Rewinder()
        self._watchdog = Watchdog(int(settings.stuck_seconds * 1000))
        self.lease = Lease(self._claim)

    # ---- taking over and giving back

    async def restore(self, committed: Mapping[TP, Any], begins: Mapping[TP, int], generation: int) -> Mapping[TP, int]:
        """Take shards over from the tables and the last commit; return for each partition where to read on from."""
        async with self._undivided:
            self._generation = -1
            await self.rule_source.catch_up()  # whoever had the shards may have gone by that already
            self._take_rules()
            await self._sources.look(self.app, wall_ms())
            mine = {tp.partition: found for tp, found in committed.items() if tp.topic == self._topics.panes}
            kept = {n: s for n, s in self.shards.items() if n in mine and committed_by(self.boot_id, mine[n])}
            # Also what it took with its answer lost on the way: a claim must not go back behind that.
            self._committed = committed_of(kept, committed)
            self._let_go(kept)
            await self._read_tables(mine.keys(), mine.keys() - kept.keys())
            self.shards = {n: kept.get(n) or await self._take_over(n, committed, begins) for n in sorted(mine)}
            self._generation = generation
            self.lease.end()
            if not await self._is_ours():  # claims them: whoever comes back must find that somebody else was here
                log.info("the next rebalance came before the shards of this one were taken over")
            log.info("owns %d shards, %d of them kept with their state", len(self.shards), len(kept))
            return {tp: self._position(tp) for tp in committed}

    def _let_go(self, kept: dict[int, Shard]) -> None:
        """Forget everything of all other shards: they have left, or come back, or a rebalance cut their takeover."""
        self.shards = kept
        gone = set(range(self._settings.partitions)) - kept.keys()
        self.speaker.let_go(gone)
        self.app.producers.give_up(gone)
        self.tables.forget(gone, self._settings.partitions)

    async def _read_tables(self, owned: Collection[int], new: Collection[int]) -> None:
        """Shut others out of all shards, for kept ones may have been theirs meanwhile; then read the new ones' tables.

        In this order, so that nothing comes behind what was read.
        """
        await self.app.producers.take({shard: self.tables.fences(shard) for shard in owned})
        await self.tables.load(self.app, new)

    async def _take_over(self, number: int, committed: Mapping[TP, Any], begins: Mapping[TP, int]) -> Shard:
        tp, signals = self._tps(number)
        shards, closed_panes = self._settings.partitions, self.tables.closed_panes.data
        config = window_config(self._settings, shard=number, shards=shards)
        far = long_window_config(self._settings, shard=number, shards=shards)
        long = (far, self.tables.long_panes.data) if far is not None else None
        shard = Shard(config, self._rules, closed_panes, shards=shards, long=long)
        unsent = taken_over(shard, self.tables, shards, tp, committed[tp], begins[tp])
        found = committed.get(signals)
        shard.signals_position = max(found.offset if found is not None else 0, begins.get(signals, 0))
        shard.engine.set_sources(self._sources.names)
        await self.speaker.send_again(shard, unsent)
        return shard

    def _forget(self) -> None:
        """Hold nothing, and commit nothing until the next `restore`."""
        self._generation = -1
        self.shards = {}

    async def release(self) -> None:
        """Commit once more before a rebalance, then stand still."""
        async with self._undivided:
            if self._generation >= 0 and await self._is_ours():
                await self._settle(wall_ms())
            self._generation = -1

    async def receive(self, batch: Batch) -> None:
        """Take in one batch of `panes` or `signals`; a hole before it is read again, what was read is passed over."""
        async with self._undivided:
            shard = self.shards.get(batch.tp.partition)
            if shard is None or batch.generation != self._generation or not await self._is_ours():
                return
            position = self._position(batch.tp)
            if not await self._rewinder.fits(self.app, batch, position):
                return
            fresh = [record for record in batch.records if record.offset >= position]
            if batch.tp.topic == self._topics.panes:
                await self._take_panes(shard, batch.tp, fresh)
            else:
                await take_signals(shard, batch.tp, fresh, self.speaker)
                shard.signals_position = batch.next_offset

    async def _take_panes(self, shard: Shard, tp: TP, fresh: Sequence[Any]) -> None:
        for record in fresh:
            found = read(records.decode, tp, record)
            if isinstance(found, Marks):
                shard.engine.on_marks(found, record.offset)
                await self._emit(shard)
            elif found is not None:
                shard.on_snapshot(found, record.offset)
            shard.position = record.offset + 1
            # A backlog makes many steps due at once: panes must close meanwhile, or all of them stay in memory.
            if wall_ms() - self._settled_ms >= SETTLE_MS:
                await self._settle(wall_ms())
                if not await self._is_ours():
                    return

    # ---- what follows from them

    async def _emit(self, shard: Shard) -> None:
        """Say what the steps that have become due have to say."""
        for end_ms in shard.engine.due_steps():
            view = shard.engine.view(end_ms, "on_time")
            found = stats(view, self._slow_us)
            evaluation = evaluate(shard.rules, view, shard.states, shard.examples)
            self.speaker.stats(shard, found)
            shard.latest, shard.seen = (end_ms, found), encode_seen(view.seen)
            await self.speaker.keep(shard, evaluation)
            shard.engine.emitted(view)
            await self.speaker.flush_if_many(shard)
        for end_ms in shard.engine.late_steps():
            view = shard.engine.view(end_ms, "late")
            self.speaker.stats(shard, stats(view, self._slow_us))
            shard.engine.emitted(view)

    async def tick(self) -> None:
        """Take other rules, look early, close panes, commit."""
        await self.rule_source.refresh()
        async with self._undivided:
            self._take_rules()
            if self._generation >= 0 and await self._is_ours():
                await self._watch(wall_ms())
                await self._settle(wall_ms())

    def _take_rules(self) -> None:
        """Go by the newest rules from the next look on: what is decided is decided, and alerts stay as they are."""
        if self._rules is not self.rule_source.compiled:
            self._rules = self.rule_source.compiled
            for shard in self.shards.values():
                shard.take_all_rules(self._rules)

    async def _is_ours(self) -> bool:
        """Return whether the group still knows us as owner; stand still until the next `restore` if it does not."""
        if await self.lease.holds():
            return True
        log.warning("the group gave the shards to others while this process was away: it stands still")
        self._generation = -1
        return False

    async def _settle(self, now_ms: int) -> None:
        if self._sources.is_old(now_ms) and await self._sources.look(self.app, now_ms):
            for shard in self.shards.values():
                shard.engine.set_sources(self._sources.names)
        for shard in self.shards.values():
            shard.miss(now_ms)
            await self._look_early(shard, now_ms)
        if now_ms - self._forgot_ms > FORGET_MS:
            self._forgot_ms = now_ms
            for shard in self.shards.values():
                for side in shard.sides:
                    await self.speaker.forget(side, shard.engine.watermark_ms or 0)
        await self.speaker.flush([side for shard in self.shards.values() for side in shard.sides])
        await self._commit()
        # After the commit: a pane closes when what was emitted is committed, and in a backlog steps never pause.
        for shard in self.shards.values():
            await close(shard, self.tables, self.speaker, self._slow_us, now_ms)
        self._settled_ms = wall_ms()

    async def _look_early(self, shard: Shard, now_ms: int) -> None:
        end_ms = shard.engine.early_end()
        if end_ms is None:
            return
        view = shard.engine.view(end_ms, "early")
        if not view.changed.any():
            return
        evaluation = evaluate(shard.rules, view, shard.states, shard.examples)
        if now_ms - shard.live_told_ms >= LIVE_MS:
            shard.live_told_ms = now_ms
            self.speaker.live(shard, now_ms, view.watermark_ms, stats(view, self._slow_us))
        await self.speaker.keep(shard, evaluation)

    async def _commit(self) -> None:
        states = {number: shard.commit_states() for number, shard in self.shards.items()}
        offsets: dict[TP, tuple[int, str]] = {}
        for number, shard in self.shards.items():
            offsets |= self._offsets(shard, states[number])
        changed = {tp: value for tp, value in offsets.items() if self._committed.get(tp) != value}
        if not await self._try_commit(changed):
            return
        for number, shard in self.shards.items():
            shard.committed(states[number])

    def _offsets(self, shard: Shard, states: Sequence[WindowState]) -> dict[TP, tuple[int, str]]:
        held = shard.engine.held_back_offset()
        offset = shard.position if held is None else min(held, shard.position)
        metadata = commit.encode(commit.EvaluatorCommit(self.boot_id, shard.position, *map(encode_state, states)))
        return {
            TP(self._topics.panes, shard.number): (offset, metadata),
            TP(self._topics.signals, shard.number): (shard.signals_position, ""),
        }

    async def _claim(self) -> bool:
        """Commit what is committed anyway, as ours: the broker takes it only from the owner."""
        offsets: dict[TP, tuple[int, str]] = {}
        for shard in self.shards.values():
            found = {tp: self._committed[tp] for tp in self._tps(shard.number) if tp in self._committed}
            offsets |= found or self._offsets(shard, shard.commit_states())
        return await self._try_commit(offsets)

    async def _try_commit(self, offsets: Mapping[TP, tuple[int, str]]) -> bool:
        asked_ms = wall_ms()
        if offsets and not await self.app.consumer.commit_with_metadata(self._generation, offsets):
            return False
        if offsets:
            self.lease.answered(asked_ms)
        self._committed.update(offsets)
        return True

    def _tps(self, number: int) -> tuple[TP, TP]:
        return TP(self._topics.panes, number), TP(self._topics.signals, number)

    def _position(self, tp: TP) -> int:
        shard = self.shards[tp.partition]
        return shard.position if tp.topic == self._topics.panes else shard.signals_position

    async def _watch(self, now_ms: int) -> None:
        at = {tp: self._position(tp) for number in self.shards for tp in self._tps(number)}
        places = {f"{tp[0]}-{tp[1]}": place_of(self.app.consumer, tp, next_, now_ms) for tp, next_ in at.items()}
        self._watchdog.check(places, now_ms)
        await self._rewinder.look(self.app, at, now_ms)
