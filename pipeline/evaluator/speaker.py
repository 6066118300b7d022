"""Keeps and sends what shards have to say: alerts, and why, at once and in order; the rest with the next commit."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pipeline.core.alert_engine import take
from pipeline.core.alert_state import AlertState, encode_state
from pipeline.core.alert_transition import Evaluation
from pipeline.errors import FatalError
from pipeline.evaluator.keys import alert_key, windows_key
from pipeline.evaluator.outbox import Outbox
from pipeline.evaluator.shard import Side
from pipeline.faust_ext.lease import Lease
from pipeline.faust_ext.producer import Outgoing
from pipeline.faust_ext.table import DurableTable
from pipeline.topics import Topics
from schemas.structs import StatsRecord

MANY = 5_000
"""Records that may wait for a commit: a few MB."""


class Speaker:
    """The outbox of all shards of a worker. What decides about alerts is written only while `lease` holds."""

    def __init__(self, app: Any, topics: Topics, alerts: DurableTable, windows: DurableTable, lease: Lease) -> None:
        self._app = app
        self._lease = lease
        self._topics = topics
        self._alerts = alerts
        self._windows = windows
        self._pending: list[Outgoing] = []

    def take(self, shard: Side, evaluation: Evaluation) -> None:
        """Take in an evaluation that has no alert to send; what it decided is told with the next commit."""
        self._pending += self._taken(shard, evaluation)

    async def keep(self, shard: Side, evaluation: Evaluation) -> None:
        """Keep the states of an evaluation, take them in, send its alerts; returns when the broker has all.

        Why something changed goes right behind the alerts: the state remembers its last change alone, so the broker
        must have this one before there is another.
        """
        states = [transition.state for transition in evaluation.transitions]
        if not states:
            self.take(shard, evaluation)
            return
        await self._write(shard, {alert_key(state): encode_state(state) for state in states})
        told = self._taken(shard, evaluation)
        outbox = self._outbox(shard)
        alerts = [transition.alert for transition in evaluation.transitions if transition.alert is not None]
        await self._app.producers.deliver([*map(outbox.alert, alerts), *told])

    def _taken(self, shard: Side, evaluation: Evaluation) -> list[Outgoing]:
        take(shard.states, evaluation)
        told = shard.decisions.told(shard.rules, evaluation, shard.states)
        return [*map(self._outbox(shard).decision, told)]

    async def keep_counts(self, shard: Side, states: dict[bytes, AlertState]) -> None:
        """Keep states that were taken in already: counts of signals within an episode."""
        if states:
            await self._write(shard, {key: encode_state(state) for key, state in states.items()})

    async def forget(self, shard: Side, end_ms: int) -> None:
        """Delete the states that have been quiet for a day."""
        keys = shard.states.forgettable(end_ms)
        if keys:
            found = [state for key in keys if (state := shard.states.get(*key)) is not None]
            await self._write(shard, dict.fromkeys(map(alert_key, found)))
            for key in keys:
                shard.states.forget(key)

    async def send_again(self, shard: Side, states: list[AlertState]) -> None:
        """Send last transitions that may not have been sent before a crash, then why; their ids are the same."""
        outbox = self._outbox(shard)
        alerts = [outbox.alert(state.last_transition) for state in states]
        told = shard.decisions.told_again(shard.rules, states)
        await self._app.producers.deliver([*alerts, *map(outbox.decision, told)])

    def stats(self, shard: Side, records: list[StatsRecord]) -> None:
        """Send stats records, at the latest with the next commit."""
        self._pending += self._outbox(shard).stats(records)

    def live(self, shard: Side, as_of_ms: int, watermark_ms: int | None, records: list[StatsRecord]) -> None:
        """Send what is in the making."""
        self._pending.append(self._outbox(shard).live(as_of_ms, watermark_ms, records))

    async def flush_if_many(self, shard: Side) -> None:
        """Flush when much waits: in a backlog one mark makes hundreds of steps due, before the next commit."""
        if len(self._pending) >= MANY:
            await self.flush([shard])

    async def flush(self, shards: list[Side]) -> None:
        """Send everything that waits, and write the latest windows; returns when the broker has all."""
        pending, self._pending = self._pending, []
        items: dict[int, dict[bytes, bytes | None]] = {}
        for shard in shards:
            if shard.latest is not None:
                items.setdefault(shard.number, {}).update(self._latest(shard, *shard.latest))
                shard.latest = None
            key = shard.seen_key
            if shard.seen is not None and shard.seen != self._windows.data.get(key):
                items.setdefault(shard.number, {})[key] = shard.seen
        for number, found in items.items():
            pending += self._windows.outgoing(number, found)
        await self._app.producers.deliver(pending)
        for found in items.values():
            self._windows.apply(found)

    def _latest(self, shard: Side, step_end_ms: int, records: list[StatsRecord]) -> dict[bytes, bytes | None]:
        """Return the latest windows as items of the table; parts of a time when there were more series are deleted."""
        found: dict[bytes, bytes | None] = dict(self._outbox(shard).windows(step_end_ms, records))
        part = len(found)
        while (key := windows_key(shard.number, part)) in self._windows.data:
            found[key] = None
            part += 1
        return found

    def let_go(self, shards: Collection[int]) -> None:
        """Drop what waits to be sent for shards that have left: their next owner finds it again."""
        self._pending = [record for record in self._pending if record.partition not in shards]

    async def _write(self, shard: Side, items: Mapping[bytes, bytes | None]) -> None:
        if not await self._lease.holds():
            raise FatalError(
                f"shard {shard.number} was given to another evaluator while this one was stopped in the middle of its "
                "work. The worker leaves, so that its supervisor starts a fresh one; nothing is lost."
            )
        await self._alerts.write(shard.number, items)

    def _outbox(self, shard: Side) -> Outbox:
        return Outbox(self._topics, shard.number, shard.is_long)
