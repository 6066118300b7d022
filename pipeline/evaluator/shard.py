"""One shard of the evaluator: its windows, its alerts, and what it has said last.

Nothing here waits for anything or sends anything: `pipeline.evaluator.owner` does, in the order in which it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pipeline.core.alert_absence import expects_any
from pipeline.core.alert_rules import CompiledRules
from pipeline.core.alert_state import AlertState, AlertStates
from pipeline.core.closed_pane import blocks_of
from pipeline.core.decision_log import DecisionLog
from pipeline.core.example_store import ExampleStore
from pipeline.core.long_windows import LongWindows
from pipeline.core.records import Snapshot
from pipeline.core.rule_difference import changed_rules
from pipeline.core.series import Series
from pipeline.core.window_config import WindowConfig, WindowState
from pipeline.core.window_engine import WindowEngine
from pipeline.evaluator.keys import seen_key
from pipeline.evaluator.pane_records import PaneRecords
from schemas.structs import StatsRecord

PATIENCE_MS = 60_000
"""So long a shard waits for its first events before steps begin without any."""


class Side:
    """What one shard knows of the rules over some windows: the short ones, or the long ones."""

    is_long = False

    def __init__(self, config: WindowConfig, rules: CompiledRules, shards: int, key: bytes) -> None:
        self.number = config.shard
        self.rules = rules
        self.decisions = DecisionLog(config.windows)
        self.states = AlertStates(shard=config.shard, shards=shards)
        self.seen_key = key
        self.seen: bytes | None = None  # the series seen, until it is in the table
        self.latest: tuple[int, list[StatsRecord]] | None = None  # newest step on time, until it is in the table

    def take_rules(self, rules: CompiledRules) -> None:
        """Go by these rules from now on. States stay; what is decided by a rule that changed is told anew."""
        self.decisions.forget(changed_rules(self.rules, rules))
        self.rules = rules

    def give_away(self, to: Side) -> None:
        """Give the states of rules that are over there now."""
        for state in [state for state in self.states if state.rule in to.rules.by_name]:
            self.states.forget(state.key)
            to.states.put(state)


class LongSide(Side):
    """The long windows of a shard. `table` has its coarse panes: records by key."""

    is_long = True

    def __init__(self, config: WindowConfig, rules: CompiledRules, table: Mapping[bytes, bytes], shards: int) -> None:
        super().__init__(config, rules, shards, seen_key(config.shard, long=True))
        self.records = PaneRecords(config.shard, table)
        self.windows = LongWindows(config, self.records.fetch)

    @property
    def engine(self) -> WindowEngine:
        """The engine of the long windows."""
        return self.windows.engine


class Shard(Side):
    """Windows and alerts of one of `shards` partitions of `panes`. `table` has its closed panes: records by key.

    `long` are its long windows, if any are kept.
    """

    def __init__(
        self,
        config: WindowConfig,
        rules: CompiledRules,
        table: Mapping[bytes, bytes],
        *,
        shards: int,
        long: tuple[WindowConfig, Mapping[bytes, bytes]] | None = None,
    ) -> None:
        super().__init__(config, rules.short, shards, seen_key(config.shard))
        self.records = PaneRecords(config.shard, table)
        self.engine = WindowEngine(config, self.records.fetch)
        self.long = LongSide(long[0], rules.long, long[1], shards) if long is not None else None
        self.examples = ExampleStore()
        self.position = 0  # next offset of `panes` to be read
        self.signals_position = 0
        self.live_told_ms = 0
        self.taken_ms: int | None = None  # when the shard was taken over, or was first asked to `miss`

    @property
    def sides(self) -> list[Side]:
        """The shard itself, and its long windows."""
        return [self] if self.long is None else [self, self.long]

    def on_snapshot(self, snapshot: Snapshot, offset: int) -> None:
        """Take in a snapshot: what it counts, and the examples that came with it."""
        self.examples.take(snapshot)
        self.engine.on_snapshot(snapshot, offset)

    def restore(
        self, state: WindowState | None, alerts: Iterable[AlertState], seen: Mapping[Series, int] | None = None
    ) -> None:
        """Take up what the tables and the last commit know; before any record is read."""
        self.engine.restore(self.records.find(), state, seen)
        for alert in alerts:
            side = self if self.long is None or self.is_short(alert.rule) else self.long
            side.states.put(alert)

    def restore_long(self, state: WindowState | None, seen: Mapping[Series, int]) -> None:
        """Take up the same of the long windows, once the others have theirs."""
        if self.long is not None:
            closed = ((start_ms, blocks_of(self.records.fetch(start_ms))) for start_ms in self.records.starts())
            self.long.windows.restore(self.long.records.find(), state, seen, closed)

    def miss(self, now_ms: int) -> None:
        """Let steps begin, so that series which rules expect are missed, although nothing has ever come.

        The first events, of an old log as well, begin at their own time: they have a minute to come.
        """
        self.taken_ms = now_ms if self.taken_ms is None else self.taken_ms
        if now_ms - self.taken_ms < PATIENCE_MS or self.engine.steps.windows is not None:
            return
        if expects_any(self.rules, self.states):
            self.engine.steps.begin(self.engine.watermark_ms)

    def commit_states(self) -> list[WindowState]:
        """Return what a commit carries: the state of the windows, and of the long ones."""
        states = [self.engine.commit_state()]
        return states if self.long is None else [*states, self.long.engine.commit_state()]

    def committed(self, states: Sequence[WindowState]) -> None:
        """What `commit_states` returned is committed."""
        self.engine.committed(states[0])
        if self.long is not None:
            self.long.engine.committed(states[1])

    def is_short(self, rule: str) -> bool:
        """Whether alerts of a rule are decided over the short windows, as are those whose rule is gone."""
        return self.long is None or rule not in self.long.rules.by_name

    def take_all_rules(self, rules: CompiledRules) -> None:
        """Go by these rules from now on, over short windows and over long ones."""
        self.take_rules(rules.short)
        if self.long is not None:
            self.long.take_rules(rules.long)
            self.give_away(self.long)
            self.long.give_away(self)
