"""One shard of the evaluator: its windows, its alerts, and what it has said last.

Nothing here waits for anything or sends anything: `pipeline.evaluator.owner` does, in the order in which it stands.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from pipeline.core.alert_rules import CompiledRules
from pipeline.core.alert_state import AlertState, AlertStates
from pipeline.core.decision_log import DecisionLog
from pipeline.core.rule_difference import changed_rules
from pipeline.core.series import Series
from pipeline.core.window_config import WindowConfig, WindowState
from pipeline.core.window_engine import WindowEngine
from pipeline.evaluator.keys import closed_key_of
from schemas.structs import StatsRecord


class Shard:
    """Windows and alerts of one of `shards` partitions of `panes`. `table` has its closed panes: records by key."""

    def __init__(
        self, config: WindowConfig, rules: CompiledRules, table: Mapping[bytes, bytes], *, shards: int
    ) -> None:
        self.number = config.shard
        self.rules = rules
        self.engine = WindowEngine(config, self._fetch)
        self.decisions = DecisionLog(config.windows)
        self.states = AlertStates(shard=config.shard, shards=shards)
        self.position = 0  # next offset of `panes` to be read
        self.signals_position = 0
        self.latest: tuple[int, list[StatsRecord]] | None = None  # newest step on time, until it is in the table
        self.seen: bytes | None = None  # the same of the series seen
        self.live_told_ms = 0
        self._table = table
        self._closed: dict[int, list[bytes]] = defaultdict(list)  # keys of closed panes by start

    def restore(
        self, state: WindowState | None, alerts: Iterable[AlertState], seen: Mapping[Series, int] | None = None
    ) -> None:
        """Take up what the tables and the last commit know; before any record is read."""
        for key in self._table:
            closed = closed_key_of(key)
            if closed.shard == self.number:
                self._closed[closed.pane_start_ms].append(key)
        self.engine.restore({start_ms: self._fetch(start_ms) for start_ms in self._closed}, state, seen)
        for alert in alerts:
            self.states.put(alert)

    def take_rules(self, rules: CompiledRules) -> None:
        """Go by these rules from now on. States stay; what is decided by a rule that changed is told anew."""
        self.decisions.forget(changed_rules(self.rules, rules))
        self.rules = rules

    def wrote(self, keys: Iterable[bytes]) -> None:
        """The table has records of closed panes under these keys."""
        for key in keys:
            self._closed[closed_key_of(key).pane_start_ms].append(key)

    def deleted(self, keys: Iterable[bytes]) -> None:
        """The table has no record under these keys any more."""
        for key in keys:
            start_ms = closed_key_of(key).pane_start_ms
            self._closed[start_ms].remove(key)
            if not self._closed[start_ms]:
                del self._closed[start_ms]

    def _fetch(self, start_ms: int) -> list[bytes]:
        return [self._table[key] for key in self._closed.get(start_ms, ())]
