"""Whether people are told of a change of an alert, and why."""

from __future__ import annotations

from pipeline.core.alert_machine import Change, Look
from pipeline.core.alert_reasons import Notice, Reason
from pipeline.core.alert_state import FIRED, AlertState
from pipeline.core.rules import Severity, rank


def owed(state: AlertState | None) -> bool:
    """Return whether an alert fires at a severity that people were not told of in this episode."""
    return state is not None and state.state == "firing" and rank(state.told_severity) < rank(state.severity)


def notice(state: AlertState | None, change: Change, look: Look, *, hidden: bool) -> Notice:
    """Return whether people are told of a change, and why.

    Within an episode they are told when a severity is reached that they were not told of, and of the end. What a
    cooldown or a graver alert on the same series keeps back is told when that is over, if it is still true.
    """
    told = state.told_severity if state is not None and state.state in FIRED else None
    if change.state in ("pending", "inactive"):
        return Notice.SUPPRESS_PENDING
    if change.state == "recovering":
        return Notice.SUPPRESS_RECOVERING
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
