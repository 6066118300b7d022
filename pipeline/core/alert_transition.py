"""A transition: the new state with the alert inside, made from a change. Every id and every count is set here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from pipeline.core.alert_machine import Change, Look
from pipeline.core.alert_message import Evidence, Place, alert_id, farewell, message
from pipeline.core.alert_notice import notice
from pipeline.core.alert_reasons import Notice, Reason
from pipeline.core.alert_state import ACTIVE, FIRED, AlertState, Key, Phase, SignalMarks
from pipeline.core.measures.shapes import shape_of
from pipeline.core.rules import Rule, Severity, rank
from pipeline.core.series import Series
from schemas.structs import Alert, Decided


@dataclass(frozen=True, slots=True)
class Transition:
    """A new state, to be kept before its alert is sent. Without an alert only the state is to be kept."""

    state: AlertState
    alert: Alert | None
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Why something changed or did not, for the decision log. `value` is in the alert's unit; `alert` is the change."""

    rule: str
    series: Series
    step_end_ms: int
    decided: Decided
    reason: Reason
    notice: Notice | None = None
    alert_id: str | None = None
    sequence: int | None = None
    severity: Severity | None = None
    value: float | None = None
    samples: int | None = None
    min_samples: int | None = None  # of a change alone: else it is that of the rule as it is now
    alert: Alert | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one look decided. Transitions stand in the order in which they are to be kept and sent."""

    look: Look | None  # None: there was nothing to look at
    transitions: list[Transition] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    withheld: dict[Key, Reason] = field(default_factory=dict)  # what was not decided because data is missing

    def add(self, transition: Transition) -> None:
        """Take in a transition, and its decision with it."""
        assert self.look is not None
        self.transitions.append(transition)
        self.decisions.append(decision_of(transition.state, transition.alert, transition.reason, self.look))

    def sort(self, places: Mapping[str, int]) -> None:
        """Put everything in the order of the rules and the series: the same after a restart. Orphans come first."""
        self.transitions.sort(key=lambda one: (places.get(one.state.rule, -1), *one.state.key))
        self.decisions.sort(key=lambda one: (places.get(one.rule, -1), one.rule, one.series))


def decision_of(state: AlertState, alert: Alert | None, reason: Reason, look: Look) -> Decision:
    """Return the decision by which a state came about; without an alert it only says something new."""
    return Decision(
        rule=state.rule,
        series=state.series,
        step_end_ms=look.step_end_ms,
        decided=look.decided,
        reason=reason,
        notice=None if alert is None else Notice(alert.notify_reason),
        alert_id=state.last_transition.alert_id,
        sequence=state.sequence,
        severity=state.severity,
        value=None if alert is None else alert.value,
        samples=None if alert is None else alert.samples,
        min_samples=state.last_min_samples,
        alert=alert,
    )


def last_decision(state: AlertState) -> Decision | None:
    """Return the decision that a state was kept with, as it may have to be told again; None where it says none."""
    if state.last_reason is None:
        return None
    last = state.last_transition
    new = (last.step_end_ms, last.decided) == (state.last_step_ms, state.last_decided)
    return decision_of(
        state, last if new else None, state.last_reason, Look(state.last_step_ms, None, state.last_decided)
    )


def kept(
    rule: Rule, series: Series, look: Look, reason: Reason, value: float | None = None, samples: int | None = None
) -> Decision:
    """Return the decision to change nothing although something was seen; `value` in the condition's own unit."""
    return Decision(
        rule=rule.name,
        series=series,
        step_end_ms=look.step_end_ms,
        decided=look.decided,
        reason=reason,
        value=None if value is None else value / shape_of(rule.condition).scale,
        samples=samples,
    )


def advance(
    rule: Rule,
    series: Series,
    before: AlertState | None,
    change: Change,
    look: Look,
    evidence: Evidence,
    *,
    hidden: bool = False,
    start: str = "",
    last_event_ms: int | None = None,
    signals: SignalMarks | None = None,
) -> Transition:
    """Return the transition that a change makes.

    A change out of quiet begins an episode: its id comes from `start`, by default the step's end.
    """
    told = notice(before, change, look, hidden=hidden)
    place = _place(rule, series, before, look, start)
    alert = message(rule, series, before, change, place, look, told, evidence)
    until_ms, cooling = _cooldown(before, change, rule.cooldown_ms, look)
    state = AlertState(
        rule=rule.name,
        series=series,
        state=change.state,
        severity=change.severity,
        episode=place.episode,
        sequence=place.sequence,
        started_ms=place.started_ms,
        since_ms=before.since_ms if before is not None and before.state == change.state else look.step_end_ms,
        last_step_ms=look.step_end_ms,
        last_decided=look.decided,
        last_transition=alert,
        last_reason=change.reason,
        last_min_samples=rule.min_samples,
        told_severity=_told(before, change, told),
        cooldown_until_ms=until_ms,
        cooldown_severity=cooling,
        last_event_ms=last_event_ms,
        signals=signals,
    )
    return Transition(state, alert, change.reason)


def _place(rule: Rule, series: Series, before: AlertState | None, look: Look, start: str) -> Place:
    if before is not None and before.state in ACTIVE:
        last = before.last_transition
        return Place(last.alert_id, before.episode, before.sequence + 1, before.started_ms)
    episode = 1 if before is None else before.episode + 1
    return Place(alert_id(rule.name, series, start or str(look.step_end_ms)), episode, 1, look.step_end_ms)


def _told(before: AlertState | None, change: Change, told: Notice) -> Severity | None:
    """The gravest severity that people know of in this episode."""
    if change.state not in FIRED:
        return None
    so_far = before.told_severity if before is not None and before.state in FIRED else None
    return change.severity if told.notify and rank(change.severity) > rank(so_far) else so_far


def _cooldown(
    before: AlertState | None, change: Change, cooldown_ms: int, look: Look
) -> tuple[int | None, Severity | None]:
    """Begin a cooldown at the end of an episode that people were told of; else the one before it goes on."""
    if before is None:
        return None, None
    if change.state == "resolved" and before.told_severity is not None:
        return look.step_end_ms + cooldown_ms, before.told_severity
    return before.cooldown_until_ms, before.cooldown_severity


def retire(before: AlertState, reason: Reason, look: Look) -> Transition:
    """Return the end of an episode whose rule is gone or covers the series no longer. It leaves no cooldown."""
    ended: Phase = "resolved" if before.state in FIRED else "inactive"
    told = Notice.SUPPRESS_PENDING
    if ended == "resolved":
        told = Notice.SUPPRESS_NEVER_TOLD if before.told_severity is None else Notice.NOTIFY_RESOLVED
    alert = farewell(before, reason, look, told, ended)
    state = msgspec.structs.replace(
        before,
        state=ended,
        sequence=alert.sequence,
        since_ms=look.step_end_ms,
        last_step_ms=look.step_end_ms,
        last_decided=look.decided,
        last_transition=alert,
        last_reason=reason,
        last_min_samples=None,
        told_severity=None,
        frozen_ms=None,
    )
    return Transition(state, alert, reason)
