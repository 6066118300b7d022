"""What one look at a group shows: who is to be told of what, and what is held back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.core.notices.groups import Group, Known
from pipeline.core.notices.muting import Muting
from pipeline.core.notices.suppression import Mute
from schemas.structs import Alert


@dataclass(slots=True)
class Look:
    """The alerts of a group.

    - `fresh`: on, and people are to be told of it, or of how grave it is
    - `standing`: on, and people were told, whatever mutes it now
    - `ended`: over, and people were told that it is on
    - `missed`: over, and nobody was told
    - `held`: on, to be told, and muted
    - `loud`: of `standing`, those that nothing mutes
    """

    fresh: list[Alert] = field(default_factory=list)
    standing: list[Alert] = field(default_factory=list)
    ended: list[Alert] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    held: list[tuple[Alert, Mute]] = field(default_factory=list)
    loud: list[Alert] = field(default_factory=list)

    @property
    def news(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.fresh or self.ended)

    @property
    def urgent(self) -> bool:
        """Whether what is to be told is critical."""
        return any(alert.severity == "critical" for alert in self.fresh)

    def listed(self) -> list[Alert]:
        """Return what a message tells of: all that is on and known, and what has ended since the last one."""
        return list({alert.alert_id: alert for alert in (*self.fresh, *self.standing, *self.ended)}.values())


def look_at(group: Group, alerts: Mapping[str, Known], muting: Muting) -> Look:
    """Return what a group has to tell. Who was told that an alert is on is told of its end, whatever mutes it."""
    look = Look()
    for alert_id, member in group.members.items():
        known = alerts.get(alert_id)
        if known is None or not known.on:
            if known is None or member.told is None:
                look.missed.append(alert_id)
            else:
                look.ended.append(known.alert)
            continue
        mute = muting.of(known.alert) or muting.lasting(member)
        if member.told is not None:
            look.standing.append(known.alert)
            if mute is None:
                look.loud.append(known.alert)
        if member.owed and mute is None:
            look.fresh.append(known.alert)
        elif member.owed and mute is not None:
            look.held.append((known.alert, mute))
    return look
