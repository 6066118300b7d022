"""What the notifier held back, in words: which channel was not sent to, or not yet, and why."""

from __future__ import annotations

from pipeline.cli.explain_query import Told
from pipeline.cli.figures import moment
from pipeline.core.notices.suppression import Why

HELD = {
    Why.SILENCED_BY: "silenced",
    Why.MAINTENANCE: "a maintenance window holds",
    Why.INHIBITED_BY: "another alert says the same, or worse",
    Why.GROUPED: "it waits for others of its group, or for the interval since the last message",
    Why.ACKNOWLEDGED: "acknowledged",
    Why.SUPPRESSED_OLD: "it is history: long past when it was decided, or decided more than a day ago",
    Why.OVER_BEFORE_TOLD: "it ended before anybody was told",
    Why.UNROUTED: "no route of the notifications file fits it",
    Why.RATE_LIMITED: "the channel has had as many messages as it may in a minute",
    Why.CIRCUIT_OPEN: "the channel is left alone for a while, as it did not take the messages before",
    Why.UNDELIVERED: "given up",
}
_NOT_YET = {Why.GROUPED, Why.RATE_LIMITED, Why.CIRCUIT_OPEN}


def held_sentence(one: Told) -> str:
    """Return a sentence: ``2025-11-22 06:00:10 not sent to chat: silenced until 2025-11-22 08:00:00 by ann (s1).``."""
    known = one.reason in set(Why)
    why = HELD[Why(one.reason)] if known else f"held back for the reason {one.reason}"
    if one.reason == Why.OVER_BEFORE_TOLD and one.held_by:
        why += ", kept back"
    until = f" until {moment(one.until_ms)}" if one.until_ms is not None else ""
    by = f" by {one.author}" if one.author else ""
    named = f" ({one.held_by})" if one.held_by else ""
    after = f" after {one.answer}" if one.answer[:1].isdigit() else f": {one.answer}" if one.answer else ""
    return f"{moment(one.at_ms)} {_whom(one)}: {why}{after}{until}{by}{named}."


def _whom(one: Told) -> str:
    if not one.channel:
        return "nobody was told"
    if one.reason == Why.ACKNOWLEDGED:
        return f"not repeated on {one.channel}"
    return f"not sent to {one.channel}{' yet' if one.reason in _NOT_YET else ''}"
