"""What a rule sees of the series of a shard at one look, in one window."""

from __future__ import annotations

from pipeline.core.alert_machine import Seen
from pipeline.core.alert_state import AlertState
from pipeline.core.conditions import enough, level_of_none, measure
from pipeline.core.measures.figures import Figures
from pipeline.core.rules import Rule

_NOTHING = Seen(0, known=False)
_LOST = Seen(0, known=False, lost=True)


class Sight:
    """One rule over one window: all rows are measured at once, and looked at one by one.

    `recovery` is the same rule with its recovery thresholds in place of its thresholds, if it has any and alerts are
    active: a row is held at the level that it measures by that one.
    """

    def __init__(self, rule: Rule, figures: Figures, recovery: Rule | None) -> None:
        self.rule = rule
        self.figures = figures
        self.measured = measure(rule, figures)
        self.enough = enough(rule, figures)
        self._recovery = recovery
        self._levels = {one.severity: place for place, one in enumerate(rule.thresholds, 1)}
        self._held = self.measured.level if recovery is None else measure(recovery, figures).level

    def at(self, row: int | None, *, lost: bool) -> Seen:
        """Return what is seen of a row; None is a series that has left all windows, `lost` for 24 hours."""
        if row is None:
            return _LOST if lost else self._of_none()
        return Seen(
            int(self.measured.level[row]),
            known=bool(self.measured.known[row]),
            held=int(self._held[row]),
            enough=bool(self.enough[row]),
        )

    def stays(self, state: AlertState, row: int) -> bool:
        """Return whether a firing alert that people know of is as grave on a row as it was: nothing is to be decided.

        Most of a storm is that, look after look; what is not is looked at whole.
        """
        own = self._levels.get(state.severity, 0)
        return (
            state.state == "firing"
            and state.told_severity == state.severity
            and state.frozen_ms is None
            and state.last_transition.rule_type == self.rule.type
            and max(int(self.measured.level[row]), min(int(self._held[row]), own)) == own > 0
            and bool(self.measured.known[row] and self.enough[row])
        )

    def _of_none(self) -> Seen:
        """No calls and no errors: a count of them is 0, and of other figures there is nothing to judge."""
        level = level_of_none(self.rule)
        return _NOTHING if level is None else Seen(level, held=level_of_none(self._recovery or self.rule) or 0)
