"""Why people are not told, or not yet: every such decision has one of these names."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import msgspec

from schemas.structs import Alert


class Why(StrEnum):
    """Why a notice was held back."""

    SILENCED_BY = "SILENCED_BY"  # a silence holds
    MAINTENANCE = "MAINTENANCE"  # a maintenance window holds
    INHIBITED_BY = "INHIBITED_BY"  # another alert says the same, or worse
    GROUPED = "GROUPED"  # it waits for others of its group, or for the interval since the last message
    ACKNOWLEDGED = "ACKNOWLEDGED"  # it is not repeated: somebody looks after it
    SUPPRESSED_OLD = "SUPPRESSED_OLD"  # history that is replayed
    OVER_BEFORE_TOLD = "OVER_BEFORE_TOLD"  # it ended before anybody was told
    UNROUTED = "UNROUTED"  # no route fits
    RATE_LIMITED = "RATE_LIMITED"  # the channel has had as many messages as it may in a minute
    CIRCUIT_OPEN = "CIRCUIT_OPEN"  # the channel is left alone for a while: it did not take the messages before
    UNDELIVERED = "UNDELIVERED"  # the channel did not take it


class Mute(msgspec.Struct, frozen=True):
    """What keeps people from being told, by its name: a silence's or an acknowledgement's id, a window, a rule."""

    why: Why
    by: str = ""
    author: str = ""  # of what somebody ordered
    until_ms: int | None = None  # when it ends, if that is known


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """One decision not to tell some channels of an alert, or not yet; no channels: anybody at all."""

    mute: Mute
    at_ms: int
    alert: Alert
    channels: tuple[str, ...] = ()
    group: str = ""
    answer: str = ""  # what the channel said

    def __str__(self) -> str:
        found = {"alert": self.alert.alert_id, "group": self.group, "channels": ", ".join(self.channels)}
        found |= {"by": self.mute.by, "answer": self.answer}
        return " ".join([self.mute.why, *(f"{name}={value}" for name, value in found.items() if value)])
