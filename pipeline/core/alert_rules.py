"""Rules made ready for evaluation, once per rules file."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import msgspec

from pipeline.core.conditions import windows_of
from pipeline.core.measures.percentiles import bucket_columns
from pipeline.core.rule_match import RowIndex
from pipeline.core.rule_version import rule_version
from pipeline.core.rules import Absence, CriticalError, Rule
from pipeline.core.series import Series
from pipeline.core.window_config import KeptWindows, beside

HIDDEN_BY = {"success_rate": "error_rate"}
"""One cause pages once: people are not told of the one while the other, as grave or graver, fires on its series."""


class CompiledRules:
    """Rules by how they are evaluated. Evaluation only reads it, but for an index of rows that it keeps per shard.

    `windowed` has the types that hide others before those that they hide. `recoveries` has the rules that say where a
    severity recovers, with that in place of their thresholds, `places` the order in which rules are evaluated.
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.by_name = {rule.name: rule for rule in rules}
        every = self.by_name.values()
        measured = [rule for rule in every if not isinstance(rule.condition, Absence | CriticalError)]
        self.windowed: tuple[Rule, ...] = tuple(sorted(measured, key=lambda rule: rule.type in HIDDEN_BY))
        self.absences: tuple[Rule, ...] = tuple(rule for rule in every if isinstance(rule.condition, Absence))
        self.criticals: tuple[Rule, ...] = tuple(rule for rule in every if isinstance(rule.condition, CriticalError))
        evaluated = (*self.windowed, *self.absences, *self.criticals)
        self.places = {rule.name: place for place, rule in enumerate(evaluated)}
        self.recoveries = {rule.name: _recovery(rule) for rule in measured if rule.recovery}
        self.cuts = {
            window: bucket_columns(rule for rule in (*measured, *self.recoveries.values()) if rule.window == window)
            for window in {window for rule in measured for window in windows_of(rule)}
        }
        self.versions = {rule.name: rule_version(rule) for rule in every}
        self._indexes: dict[int, RowIndex] = {}
        self._parts: tuple[CompiledRules, CompiledRules] | None = None

    def divide(self, long_windows: Collection[str]) -> None:
        """Divide them into `short` and `long`: those over long windows are looked at by themselves."""
        far = CompiledRules(rule for rule in self.windowed if rule.window in long_windows)
        if far.by_name:
            near = CompiledRules(rule for rule in self.by_name.values() if rule.name not in far.by_name)
            self._parts = near, far

    @property
    def short(self) -> CompiledRules:
        """Those over short windows, and those that look at none."""
        return self._parts[0] if self._parts is not None else self

    @property
    def long(self) -> CompiledRules:
        """Those over long windows."""
        return self._parts[1] if self._parts is not None else _NONE

    def index(self, shard: int, series: Sequence[Series]) -> RowIndex:
        """Return the index of a shard's rows; the one of the step before while its series are the same."""
        index = self._indexes.get(shard)
        if index is None or not index.is_for(series):
            index = self._indexes[shard] = RowIndex(series)
        return index


_NONE = CompiledRules(())


def _recovery(rule: Rule) -> Rule:
    """Return the rule with its recovery thresholds in place of its thresholds; where it has none, with its own."""
    own = {threshold.severity: threshold for threshold in rule.recovery}
    found = tuple(own.get(threshold.severity, threshold) for threshold in rule.thresholds)
    return msgspec.structs.replace(rule, thresholds=found)


def compile_rules(rules: Sequence[Rule], windows: Sequence[str]) -> CompiledRules:
    """Return rules ready for evaluation; ValueError for a name used twice and for a window not among `windows`."""
    names: set[str] = set()
    for rule in rules:
        if rule.name in names:
            raise ValueError(f"two rules are named {rule.name!r}")
        names.add(rule.name)
    compiled = CompiledRules(rules)
    for rule in compiled.windowed:
        for window in windows_of(rule):
            if window not in windows:
                raise ValueError(f"rule {rule.name!r}: window {window!r} is not kept; there are {', '.join(windows)}")
            if window not in (together := beside(windows, rule.window)):
                raise ValueError(f"rule {rule.name!r}: beside {rule.window} it can look at {', '.join(together)}")
    compiled.divide(windows.long if isinstance(windows, KeptWindows) else ())
    return compiled
