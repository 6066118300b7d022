"""Taking a shard over: its windows from the table, its alerts from the table, its place from the last commit."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from faust.types import TP

from pipeline.core.alert_state import AlertState, decode_state
from pipeline.core.series import Series
from pipeline.core.window_config import WindowState
from pipeline.core.window_config import decode_state as decode_windows
from pipeline.errors import unreadable_commit
from pipeline.evaluator import commit
from pipeline.evaluator.keys import closed_key_of, shard_of_alert
from pipeline.evaluator.outbox import decode_seen
from pipeline.evaluator.shard import Shard, Side
from pipeline.faust_ext.producer import Outgoing
from pipeline.faust_ext.table import DurableTable

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tables:
    """The evaluator's Faust tables, bytes by bytes."""

    closed_panes: DurableTable
    long_panes: DurableTable
    windows: DurableTable
    alerts: DurableTable

    def fences(self, shard: int) -> list[Outgoing]:
        """Return what shuts an earlier owner of a shard out of the tables once it is written."""
        return [table.fence(shard) for table in self._all()]

    async def load(self, app: Any, shards: Collection[int]) -> None:
        """Read everything that the tables hold for shards of which nothing is in memory."""
        found = await app.read_changelogs([table.changelog(shard) for table in self._all() for shard in shards])
        for table in self._all():
            for shard in shards:
                table.apply(dict(found[table.changelog(shard)]))

    def alert_states(self, shard: int, shards: int) -> Iterator[AlertState]:
        """Yield the alert states of one shard."""
        for key, value in self.alerts.data.items():
            if shard_of_alert(key, shards) == shard:
                yield decode_state(value)

    def forget(self, shards: Collection[int], count: int) -> None:
        """Drop records of some of `count` shards from memory; the changelogs keep them for their next owner."""
        gone = frozenset(shards)
        for panes in (self.closed_panes, self.long_panes):
            panes.forget([key for key in panes.data if closed_key_of(key).shard in gone])
        self.windows.forget([key for key in self.windows.data if int(key.split(b"/")[0]) in gone])
        self.alerts.forget([key for key in self.alerts.data if shard_of_alert(key, count) in gone])

    def _all(self) -> tuple[DurableTable, ...]:
        return (self.closed_panes, self.long_panes, self.windows, self.alerts)


def committed_by(boot_id: str, found: Any) -> bool:
    """Return whether the process of that boot id was the last to commit what was found; None: nothing was."""
    if found is None or not found.metadata:
        return False
    try:
        return commit.decode(found.metadata).owner == boot_id
    except msgspec.DecodeError:
        return False  # `taken_over` says what is wrong with it


def committed_of(shards: Collection[int], found: Mapping[TP, Any]) -> dict[TP, tuple[int, str]]:
    """Return what was found to be committed of some shards; nothing of partitions without a commit."""
    return {tp: (at.offset, at.metadata) for tp, at in found.items() if at is not None and tp.partition in shards}


def taken_over(shard: Shard, tables: Tables, shards: int, tp: TP, found: Any, begin: int) -> list[AlertState]:
    """Restore a shard; return the alert states whose last transition may not have been sent before the last crash.

    `found` is what was committed on the shard's partition of `panes`, `begin` the partition's earliest offset.
    """
    states, position = _States(), begin
    if found is not None:
        position = max(found.offset, begin)
        states = _window_states(tp, found.metadata) if found.metadata else states
    alerts = list(tables.alert_states(shard.number, shards))
    shard.restore(states.short, alerts, _seen(tables, shard))
    if shard.long is not None:
        shard.restore_long(states.long, _seen(tables, shard.long))
    shard.position = position
    return [alert for alert in alerts if _is_unsent(alert, states.short if shard.is_short(alert.rule) else states.long)]


def _seen(tables: Tables, side: Side) -> dict[Series, int]:
    found = tables.windows.data.get(side.seen_key)
    return decode_seen(found) if found else {}


def _is_unsent(alert: AlertState, state: WindowState | None) -> bool:
    emitted_ms = state.emitted_ms if state is not None else None
    return emitted_ms is None or alert.last_step_ms > emitted_ms or alert.last_decided == "signal"


@dataclass(frozen=True, slots=True)
class _States:
    short: WindowState | None = None
    long: WindowState | None = None


def _window_states(tp: TP, metadata: str) -> _States:
    try:
        found = commit.decode(metadata)
        return _States(decode_windows(found.engine), decode_windows(found.long) if found.long else None)
    except msgspec.DecodeError as error:
        raise unreadable_commit(f"{tp.topic}-{tp.partition}", metadata, error) from error
