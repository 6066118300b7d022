"""Where an alert becomes pending, firing, resolved: the state machine of one rule on one series.

::

                 breach                 breach for `for`
    inactive ──────────────► pending ───────────────────► firing ⟲ severity up and down
       ▲  ▲                     │                           │
       │  └── breach over ──────┘                           │ no breach, or no data
       └──────────────── resolved ◄─────────────────────────┘

Without `for` a breach is firing at once. `resolved` is inactive with a memory: the next breach is a new episode.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.core.alert_reasons import Notice, Reason
from pipeline.core.alert_state import AlertState, Phase
from pipeline.core.rules import Rule, Severity, rank
from schemas.structs import Decided


@dataclass(frozen=True, slots=True)
class Look:
    """When something is decided: the step's end in event time, how final it is, and the share of sources at its end."""

    step_end_ms: int
    watermark_ms: int | None
    decided: Decided
    completeness: float | None = None

    @property
    def final(self) -> bool:
        """Whether the watermark has passed: only then does anything end."""
        return self.decided == "on_time"


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look shows of one series: the breached level (0: none), and what it rests on."""

    level: int
    known: bool = True  # there was something to measure
    enough: bool = True  # at least `min_samples` events
    awaited: bool = False  # a series the rule names, of which nothing was ever seen: the clock starts with the look


@dataclass(frozen=True, slots=True)
class Change:
    """What a look changes."""

    state: Phase
    severity: Severity
    reason: Reason


def is_past(state: AlertState, look: Look) -> bool:
    """Return whether a look was decided already: before the last transition, or at it when that was final."""
    if look.step_end_ms == state.last_step_ms:
        return state.last_decided == "on_time"
    return look.step_end_ms < state.last_step_ms


def decide(rule: Rule, state: AlertState | None, seen: Seen, look: Look) -> Change | Reason | None:
    """Return what a look changes, or the reason why it does not although something was seen, or None.

    The same look again, or an older one, gives None: a replay follows the state.
    """
    if state is not None and is_past(state, look):
        return None
    if state is not None and state.state == "firing":
        return _while_firing(rule, state, seen, look)
    if state is not None and state.state == "pending":
        return _while_pending(rule, state, seen, look)
    return _while_quiet(rule, seen, look)


def _while_quiet(rule: Rule, seen: Seen, look: Look) -> Change | Reason | None:
    if seen.awaited and seen.level == 0:
        return Change("pending", rule.severity_at(1), Reason.WAITING) if look.final else None
    if seen.level == 0:
        return None
    if not seen.enough:
        return Reason.MIN_SAMPLES
    severity = rule.severity_at(seen.level)
    if rule.for_ms == 0:
        return Change("firing", severity, Reason.BREACH)
    return Change("pending", severity, Reason.WAITING) if look.final else None


def _while_pending(rule: Rule, state: AlertState, seen: Seen, look: Look) -> Change | Reason | None:
    if not look.final:
        return None
    in_breach = seen.level > 0 and seen.enough
    if in_breach and look.step_end_ms - state.since_ms >= rule.for_ms:
        return Change("firing", rule.severity_at(seen.level), Reason.BREACH)
    if in_breach or seen.awaited:
        return None
    return Change("inactive", state.severity, Reason.PASSED)


def _while_firing(rule: Rule, state: AlertState, seen: Seen, look: Look) -> Change | Reason | None:
    if seen.level == 0:
        reason = Reason.RECOVERED if seen.known else Reason.NO_DATA
        return Change("resolved", state.severity, reason) if look.final else None
    if not seen.enough:
        return Reason.KEPT_FEW_SAMPLES
    severity = rule.severity_at(seen.level)
    if rank(severity) > rank(state.severity):
        return Change("firing", severity, Reason.ESCALATED)
    if rank(severity) < rank(state.severity) and look.final:
        return Change("firing", severity, Reason.DE_ESCALATED)
    return None


def owed(state: AlertState | None) -> bool:
    """Return whether an alert fires at a severity that people were not told of in this episode."""
    return state is not None and state.state == "firing" and rank(state.told_severity) < rank(state.severity)


def notice(state: AlertState | None, change: Change, look: Look, *, hidden: bool) -> Notice:
    """Return whether people are told of a change, and why.

    Within an episode they are told when a severity is reached that they were not told of, and of the end. What a
    cooldown or a graver alert on the same series keeps back is told when that is over, if it is still true.
    """
    told = state.told_severity if state is not None and state.state == "firing" else None
    if change.state in ("pending", "inactive"):
        return Notice.SUPPRESS_PENDING
    if change.state == "resolved":
        return Notice.SUPPRESS_NEVER_TOLD if told is None else Notice.NOTIFY_RESOLVED
    return _kept_back(state, change, look, told, hidden=hidden) or _told_as(state, change, told)


def _kept_back(
    state: AlertState | None, change: Change, look: Look, told: Severity | None, *, hidden: bool
) -> Notice | None:
    if change.reason is Reason.DE_ESCALATED:
        return Notice.SUPPRESS_DE_ESCALATED
    if rank(told) >= rank(change.severity):
        return Notice.SUPPRESS_ALREADY_TOLD
    if hidden:
        return Notice.SUPPRESS_HIDDEN
    cooling = state is not None and told is None and _cooling(state, change, look)
    return Notice.SUPPRESS_COOLDOWN if cooling else None


def _told_as(state: AlertState | None, change: Change, told: Severity | None) -> Notice:
    if change.reason is not Reason.TOLD_LATE:
        return Notice.NOTIFY_FIRST if told is None else Notice.NOTIFY_ESCALATED
    was_hidden = state is not None and state.last_transition.notify_reason == Notice.SUPPRESS_HIDDEN
    return Notice.NOTIFY_UNHIDDEN if was_hidden else Notice.NOTIFY_COOLDOWN_OVER


def _cooling(state: AlertState, change: Change, look: Look) -> bool:
    until_ms = state.cooldown_until_ms
    graver = rank(change.severity) > rank(state.cooldown_severity)
    return until_ms is not None and look.step_end_ms < until_ms and not graver
