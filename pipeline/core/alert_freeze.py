"""What is not decided while data is missing: an alert is *frozen*, which is said, and never falsely resolved.

A final look is incomplete when a source partition was given up on that nobody reads (`Frontier.completeness`): what it
holds may undo what the others show. It cannot undo a count that is above its threshold, nor an event that was seen.
Something that is worse than it may be in truth is let begin, as early looks do; nothing ends that may go on in truth.
"""

from __future__ import annotations

import msgspec

from pipeline.core.alert_machine import Change, Look, Seen
from pipeline.core.alert_reasons import Reason
from pipeline.core.alert_state import AlertState
from pipeline.core.rules import Absence, Condition, Rule, Throughput
from pipeline.core.rules import Change as ChangeOf


def may_be_undone(rule: Rule, seen: Seen, change: Change) -> bool:
    """Return whether data that is missing now may show that a change is false, so that it has to wait."""
    if change.state in ("recovering", "resolved", "inactive") or change.reason is Reason.DE_ESCALATED:
        return not _ended_by_events(rule.condition)
    return not seen.known or _made_of_silence(rule.condition)


def _made_of_silence(condition: Condition) -> bool:
    """Return whether events that are missing look like a breach."""
    if isinstance(condition, ChangeOf):
        return condition.of == "throughput" and condition.side == "below"
    return _ended_by_events(condition)


def _ended_by_events(condition: Condition) -> bool:
    """Return whether a breach is over for sure once there are events enough, whatever is still missing."""
    return isinstance(condition, Absence) or (isinstance(condition, Throughput) and condition.side == "below")


LAGGING_MS = 45_000
"""An early look is so far ahead of the watermark when a source has fallen behind; 20 s is ordinary."""


def lags(look: Look) -> bool:
    """Return whether a source has fallen so far behind that what is over may not be noticed for long."""
    return not look.final and look.watermark_ms is not None and look.step_end_ms - look.watermark_ms > LAGGING_MS


def waiting(state: AlertState, watermark_ms: int | None) -> AlertState:
    """Return the state of an alert about which nothing is decided until the watermark goes on."""
    # Without the look in it: the steps up to there are still to be decided.
    return msgspec.structs.replace(state, frozen_ms=watermark_ms)


def frozen(state: AlertState, look: Look) -> AlertState:
    """Return the state of an alert that stays as it is because data is missing at a final look."""
    return _seen_at(state, look, look.step_end_ms, Reason.FROZEN_INCOMPLETE)


def thawed(state: AlertState, look: Look) -> AlertState:
    """Return the state of a frozen alert at a look at which nothing is missing any more."""
    return _seen_at(state, look, None, Reason.THAWED)


def _seen_at(state: AlertState, look: Look, frozen_ms: int | None, reason: Reason) -> AlertState:
    # With the look in it: a replay finds that it was decided, and says nothing twice.
    return msgspec.structs.replace(
        state,
        frozen_ms=frozen_ms,
        last_step_ms=look.step_end_ms,
        last_decided=look.decided,
        last_reason=reason,
    )
