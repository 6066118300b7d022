"""Where an alert becomes pending, firing, recovering, resolved: the state machine of one rule on one series.

::

                 breach               breach for `for`              no breach
    inactive ──────────────► pending ──────────────────► firing ──────────────────► recovering
       ▲  ▲                     │                         ▲ ⟲ severity up and down     │    │
       │  └──── breach over ────┘                         └──────── breach again ──────┘    │
       └─────────────────────── resolved ◄────────────────────── none for `keep_firing` ────┘

Without `for` a breach is firing at once, without `keep_firing` its end is resolved at once. `resolved` is inactive with
a memory: the next breach is a new episode. A breach that comes back while the alert is recovering belongs to the same
episode.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pipeline.core.alert_reasons import Reason
from pipeline.core.alert_state import ACTIVE, AlertState, Phase
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

    @property
    def complete(self) -> bool:
        """Whether nothing is missing, as far as anyone knows."""
        return self.completeness is None or self.completeness >= 1


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look shows of one series: the breached level (0: none), and what it rests on."""

    level: int
    known: bool = True  # there was something to measure
    held: int = 0  # up to this level the value is not yet back behind where the severity recovers
    lost: bool = False  # nothing to measure, and nothing was heard of the series for 24 hours
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
    if state is None or state.state not in ACTIVE:
        return _while_quiet(rule, _by_no_data(rule, None, seen), look)
    if not seen.known and rule.no_data == "keep" and not seen.lost:
        return Reason.KEPT_NO_DATA
    seen = _by_no_data(rule, state, seen)
    if state.state == "pending":
        return _while_pending(rule, state, seen, look)
    if state.state == "recovering":
        return _while_recovering(rule, state, seen, look)
    return _while_firing(rule, state, seen, look)


def _by_no_data(rule: Rule, state: AlertState | None, seen: Seen) -> Seen:
    """Return an empty window as a breach where the rule says so: of the severity that is reached, or of the least.

    After 24 hours a series is no longer expected, so nothing stays for ever.
    """
    if seen.known or seen.lost or rule.no_data != "alert":
        return seen
    return replace(seen, level=max(1, 0 if state is None else _level_of(rule, state.severity)), enough=True)


def _level_of(rule: Rule, severity: Severity) -> int:
    """Return the level of a severity; of one that the rule no longer has, that of the next milder one."""
    return sum(rank(threshold.severity) <= rank(severity) for threshold in rule.thresholds)


def _while_quiet(rule: Rule, seen: Seen, look: Look) -> Change | Reason | None:
    if seen.awaited and seen.level == 0:
        return Change("pending", rule.severity_at(1), Reason.WAITING) if look.final else None
    if seen.level == 0:
        return None
    if not seen.enough:
        return Reason.MIN_SAMPLES
    severity = rule.severity_at(seen.level)
    if rule.for_ms == 0:
        return Change("firing", severity, _why(seen))
    return Change("pending", severity, Reason.WAITING) if look.final else None


def _why(seen: Seen) -> Reason:
    return Reason.BREACH if seen.known else Reason.NO_DATA


def _while_pending(rule: Rule, state: AlertState, seen: Seen, look: Look) -> Change | Reason | None:
    if not look.final:
        return None
    in_breach = seen.level > 0 and seen.enough
    if in_breach and look.step_end_ms - state.since_ms >= rule.for_ms:
        return Change("firing", rule.severity_at(seen.level), _why(seen))
    if in_breach or seen.awaited:
        return None
    return Change("inactive", state.severity, Reason.PASSED)


def _while_firing(rule: Rule, state: AlertState, seen: Seen, look: Look) -> Change | Reason | None:
    # A severity that was reached holds until the value is behind where it recovers, not only behind its threshold.
    level = max(seen.level, min(seen.held, _level_of(rule, state.severity)))
    if level == 0:
        return _over(rule, state, seen) if look.final else None
    if not seen.enough:
        return Reason.KEPT_FEW_SAMPLES
    severity = rule.severity_at(level)
    if rank(severity) > rank(state.severity):
        return Change("firing", severity, Reason.ESCALATED)
    if rank(severity) < rank(state.severity) and look.final:
        return Change("firing", severity, Reason.DE_ESCALATED)
    return None


def _over(rule: Rule, state: AlertState, seen: Seen) -> Change:
    if rule.keep_firing_ms:
        return Change("recovering", state.severity, Reason.CALM if seen.known else Reason.NO_DATA)
    return Change("resolved", state.severity, _why_over(seen))


def _why_over(seen: Seen) -> Reason:
    return Reason.RECOVERED if seen.known else Reason.NO_DATA


def _while_recovering(rule: Rule, state: AlertState, seen: Seen, look: Look) -> Change | Reason | None:
    if seen.level > 0:
        severity = rule.severity_at(seen.level)
        return Change("firing", severity, Reason.RELAPSED) if seen.enough else Reason.KEPT_FEW_SAMPLES
    if look.final and look.step_end_ms - state.since_ms >= rule.keep_firing_ms:
        return Change("resolved", state.severity, _why_over(seen))
    return None
