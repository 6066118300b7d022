"""Groups of alerts that share their messages, and what of them is remembered."""

from __future__ import annotations

import hashlib

import msgspec

from pipeline.core.notices.matching import value_of
from pipeline.core.notices.plan import Route
from pipeline.core.notices.suppression import Mute
from schemas.structs import Alert, AlertPhase, AlertSeverity

SEVERITIES: tuple[AlertSeverity, ...] = ("info", "warning", "error", "critical")
ON: frozenset[AlertPhase] = frozenset({"firing", "recovering"})
_ID_CHARACTERS = 16


def gravity(severity: AlertSeverity | None) -> int:
    """Return how grave a severity of an alert is: 0 for none, 4 for critical."""
    return 0 if severity is None else SEVERITIES.index(severity) + 1


def graver(one: AlertSeverity | None, other: AlertSeverity) -> AlertSeverity:
    """Return the graver of two."""
    return one if one is not None and gravity(one) > gravity(other) else other


class Known(msgspec.Struct, frozen=True, kw_only=True, tag="alert1", tag_field="type"):
    """An alert that fires or did a short while ago, at its last transition. `wanted`: people are to be told of it."""

    alert: Alert
    wanted: bool
    seen_ms: int  # when that transition was read
    gravest: AlertSeverity | None = None  # while it was on

    @property
    def on(self) -> bool:
        """Whether it is still true."""
        return self.alert.state in ON

    @property
    def worst(self) -> AlertSeverity:
        """How grave it ever was."""
        return graver(self.gravest, self.alert.severity)


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One alert in a group: the gravest severity that people are to be told of, and that they were told of."""

    wanted: AlertSeverity
    told: AlertSeverity | None = None
    held: Mute | None = None  # what kept it back, as far as that was noted

    @property
    def owed(self) -> bool:
        """Whether people were not told, or not how grave it is."""
        return gravity(self.told) < gravity(self.wanted)


class Group(msgspec.Struct, frozen=True, kw_only=True, tag="group1", tag_field="type"):
    """Alerts of one route with the same values. It lives from its first message to the one that says all is over."""

    id: str
    route: str
    labels: tuple[tuple[str, str], ...]
    members: dict[str, Member] = {}  # by alert id
    channels: tuple[str, ...] = ()  # that were told something in this life
    gravest: AlertSeverity = "info"  # of what was told in this life
    number: int = 0  # of messages in this life
    last_ms: int | None = None  # when the last one was made
    due_ms: int | None = None  # when the next one is, if there is something to tell
    acknowledged: str = ""  # the acknowledgement of all that fires that was told last

    @property
    def key(self) -> str:
        """What tells it from all other groups, through all its lives."""
        return group_key(self.route, self.labels)


def group_key(route: str, labels: tuple[tuple[str, str], ...]) -> str:
    """Return the key of a group: a JSON array of its route and its values."""
    return msgspec.json.encode((route, labels)).decode()


def labels_of(route: Route, alert: Alert) -> tuple[tuple[str, str], ...]:
    """Return what puts an alert into its group."""
    return tuple((name, value_of(alert, name)) for name in route.group_by)


def short_hash(*parts: object) -> str:
    """Return 16 hexadecimal digits that are always the same for the same parts."""
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:_ID_CHARACTERS]
