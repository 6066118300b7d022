"""One look at one shard while it is being evaluated: what it can see, and what was decided so far."""

from __future__ import annotations

from pipeline.core.alert_freeze import frozen, may_be_undone, thawed, waiting
from pipeline.core.alert_machine import Change, Look, Seen, decide, is_past
from pipeline.core.alert_message import Evidence
from pipeline.core.alert_notice import notice, owed
from pipeline.core.alert_reasons import Reason
from pipeline.core.alert_rules import HIDDEN_BY, CompiledRules
from pipeline.core.alert_state import ACTIVE, FIRED, AlertState, AlertStates, Key, SignalMarks
from pipeline.core.alert_transition import Evaluation, Transition, advance, kept, retire
from pipeline.core.example_store import ExampleStore
from pipeline.core.measures.figures import Figures
from pipeline.core.rules import Rule, Severity, rank
from pipeline.core.series import Series
from pipeline.core.step_view import StepView


class Step:
    """The evaluation of one look. Reads the states as they were before it; each rule and series is decided once."""

    def __init__(
        self,
        compiled: CompiledRules,
        view: StepView,
        states: AlertStates,
        look: Look,
        examples: ExampleStore | None = None,
    ) -> None:
        self.compiled = compiled
        self.view = view
        self.states = states
        self.look = look
        self.examples = examples
        self.evaluation = Evaluation(look)
        self.index = compiled.index(states.shard, view.series)
        self._figures: dict[str, Figures] = {}
        self._hiding: dict[str, dict[Series, int]] = {}
        self._retired: set[Key] = set()

    def figures(self, window: str) -> Figures:
        """Return the figures of a window, made once for all rules."""
        if window not in self._figures:
            self._figures[window] = Figures(self.view.window(window), self.compiled.cuts[window], self.figures)
        return self._figures[window]

    def decide(self, rule: Rule, series: Series, seen: Seen) -> Change | Reason | None:
        """Return what the look changes for a rule on a series; also what people are still owed.

        While data is missing, what it may undo is kept back, and the evaluation says so.
        """
        state = self.states.get(rule.name, series)
        if state is not None and state.state in ACTIVE and state.last_transition.rule_type != rule.type:
            return None  # the orphan of a rule that had the name before: `retire_orphans` ends it
        if state is not None and is_past(state, self.look):
            return None
        result = decide(rule, state, seen, self.look)
        if not self.look.final:
            return result
        if result is None and state is not None and owed(state):
            result = self._told_late(rule, series, state)
        if result is Reason.KEPT_NO_DATA:
            self._withhold(rule, series, result)
            result = None
        if isinstance(result, Change) and not self.look.complete and may_be_undone(rule, seen, result):
            self._freeze(rule, series, state)
            return None
        if not isinstance(result, Change) and self.look.complete and state is not None and state.frozen_ms is not None:
            self.evaluation.add(Transition(thawed(state, self.look), None, Reason.THAWED))
        return result

    def _freeze(self, rule: Rule, series: Series, state: AlertState | None) -> None:
        """Leave things as they are although something was seen, and say so once."""
        if state is None or state.state not in ACTIVE:
            self._withhold(rule, series, Reason.FROZEN_INCOMPLETE)
        elif state.frozen_ms is None:
            self.evaluation.add(Transition(frozen(state, self.look), None, Reason.FROZEN_INCOMPLETE))

    def freeze_lagging(self) -> None:
        """Say of every active alert that nothing is decided about it until a source has caught up; once."""
        changed = {transition.state.key for transition in self.evaluation.transitions}
        for rule in self.states.active_rules():
            for state in self.states.active(rule).values():
                if state.frozen_ms is None and state.key not in changed:
                    frozen_since = waiting(state, self.look.watermark_ms)
                    self.evaluation.add(Transition(frozen_since, None, Reason.FROZEN_LAGGING))

    def _withhold(self, rule: Rule, series: Series, reason: Reason) -> None:
        """Note what is not decided; it is said once."""
        key = (rule.name, series)
        if self.states.withheld.get(key) is not reason:
            self.evaluation.decisions.append(kept(rule, series, self.look, reason))
        self.evaluation.withheld[key] = reason

    def _told_late(self, rule: Rule, series: Series, state: AlertState) -> Change | None:
        late = Change("firing", state.severity, Reason.TOLD_LATE)
        hidden = self.hidden(rule, series, late.severity)
        return late if notice(state, late, self.look, hidden=hidden).notify else None

    def change(
        self,
        rule: Rule,
        series: Series,
        change: Change,
        evidence: Evidence,
        *,
        last_event_ms: int | None = None,
        signals: SignalMarks | None = None,
    ) -> None:
        """Take in the transition that a change makes."""
        transition = advance(
            rule,
            series,
            self.states.get(rule.name, series),
            change,
            self.look,
            evidence,
            hidden=self.hidden(rule, series, change.severity),
            last_event_ms=last_event_ms,
            signals=signals,
        )
        self.evaluation.add(transition)

    def hidden(self, rule: Rule, series: Series, severity: Severity) -> bool:
        """Return whether an alert that says the same, as grave or graver, fires on the series after this look."""
        hider = HIDDEN_BY.get(rule.type)
        if hider is None:
            return False
        if hider not in self._hiding:
            self._hiding[hider] = self._firing(hider)
        return self._hiding[hider].get(series, 0) >= rank(severity)

    def _firing(self, rule_type: str) -> dict[Series, int]:
        """Return the gravest rank that has fired by a type of rule on each series, this look's decisions included."""
        changed = {transition.state.key: transition.state for transition in self.evaluation.transitions}
        found: dict[Series, int] = {}
        for rule in self.compiled.windowed:
            if rule.type == rule_type:
                now = {(rule.name, series): state for series, state in self.states.active(rule.name).items()}
                now |= {key: state for key, state in changed.items() if key[0] == rule.name}
                for (_, series), state in now.items():
                    if state.state in FIRED:
                        found[series] = max(found.get(series, 0), rank(state.severity))
        return found

    def retire(self, name: str, series: Series, reason: Reason) -> None:
        """End an alert whose rule has gone, or covers the series no more."""
        state = self.states.get(name, series)
        if state is not None and state.key not in self._retired and not is_past(state, self.look):
            self._retired.add(state.key)
            self.evaluation.add(retire(state, reason, self.look))

    def retire_orphans(self) -> None:
        """End all alerts of rules that are no longer there, and of rules that have become another type."""
        for name in self.states.active_rules():
            rule = self.compiled.by_name.get(name)
            for series, state in self.states.active(name).items():
                if rule is None:
                    self.retire(name, series, Reason.RULE_REMOVED)
                elif state.last_transition.rule_type != rule.type:
                    self.retire(name, series, Reason.RULE_CHANGED)
