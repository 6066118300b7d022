"""Why people are not told, or not yet: every such decision has one of these names."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Why(StrEnum):
    """Why a notice was held back."""

    SILENCED_BY = "SILENCED_BY"  # a silence holds
    MAINTENANCE = "MAINTENANCE"  # a maintenance window holds
    INHIBITED_BY = "INHIBITED_BY"  # a graver alert says the same
    GROUPED = "GROUPED"  # it waits for others of its group, or for the interval since the last message
    ACKNOWLEDGED = "ACKNOWLEDGED"  # it is not repeated: somebody looks after it
    SUPPRESSED_OLD = "SUPPRESSED_OLD"  # history that is replayed
    OVER_BEFORE_TOLD = "OVER_BEFORE_TOLD"  # it ended before anybody was told
    UNROUTED = "UNROUTED"  # no route fits
    RATE_LIMITED = "RATE_LIMITED"  # the channel has had as many messages as it may in a minute
    UNDELIVERED = "UNDELIVERED"  # the channel did not take it


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """One decision not to tell, or not yet. `by` names what held it back: a silence's id, a window, a rule."""

    why: Why
    at_ms: int
    alert_id: str = ""
    group: str = ""
    channel: str = ""
    by: str = ""
