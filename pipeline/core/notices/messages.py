"""The messages of a group: when the next one is due, what is in it, and what the group remembers of it."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from pipeline.core.notices.delivery import Delivery
from pipeline.core.notices.groups import ON, Group, graver, short_hash
from pipeline.core.notices.looking import Look
from pipeline.core.notices.notification import Kind, Notification
from pipeline.core.notices.orders import Acknowledgement
from pipeline.core.notices.plan import Route
from pipeline.core.notices.titles import LISTED, in_order, moment, title_of
from schemas.structs import Alert, AlertSeverity


def due_ms(group: Group, route: Route, look: Look, now_ms: int) -> int:
    """Return when a group's news are told: together with what comes in the meantime, and critical ones soon."""
    if look.urgent:
        found = now_ms + route.critical_wait_ms
    elif group.last_ms is None:
        found = now_ms + route.wait_ms
    else:
        found = max(now_ms + min(route.wait_ms, route.critical_wait_ms), group.last_ms + route.interval_ms)
    return found if group.due_ms is None else min(found, group.due_ms)


def repeat_ms(group: Group, route: Route, look: Look) -> int | None:
    """Return when what still fires is told again, None for never."""
    if not look.loud or not route.repeat_ms or group.last_ms is None:
        return None
    return group.last_ms + route.repeat_ms


def messages(group: Group, route: Route, look: Look, now_ms: int, *, again: bool = False) -> list[Delivery]:
    """Return the group's next message, for each of its channels. `again`: nothing is new in it."""
    alerts = in_order(look.listed())
    on = [alert for alert in alerts if alert.state in ON]
    kind: Kind = "repeat" if again else "firing" if on else "resolved"
    channels = route.channels if again else dict.fromkeys((*route.channels, *group.channels))
    severity = _gravest(on) if on else group.gravest
    keys = {channel: short_hash(group.id, group.number + 1, channel) for channel in channels}
    return _deliveries(group, alerts, keys, kind, severity, now_ms)


def acknowledgements(group: Group, look: Look, order: Acknowledgement, now_ms: int) -> list[Delivery]:
    """Return the message that somebody looks after the group, for each of the channels that were told of it."""
    alerts = in_order(look.standing)
    comment = f": {order.comment}" if order.comment else ""
    text = f"{order.author} looks after it until {moment(order.ends_ms)}{comment}"
    said = (group.id, group.number, "acknowledged", name_of(order))
    keys = {channel: short_hash(*said, channel) for channel in group.channels}
    return _deliveries(group, alerts, keys, "acknowledged", _gravest(alerts), now_ms, text)


def _deliveries(
    group: Group,
    alerts: list[Alert],
    keys: dict[str, str],
    kind: Kind,
    severity: AlertSeverity,
    now_ms: int,
    text: str = "",
) -> list[Delivery]:
    """Return a message about these alerts, in their order, for each channel under its key."""
    message = Notification(
        key="",
        group=group.id,
        kind=kind,
        severity=severity,
        title=title_of(alerts, group.labels),
        alerts=tuple(alerts[:LISTED]),
        omitted=max(0, len(alerts) - LISTED),
        text=text,
    )
    return [
        Delivery(channel=channel, made_ms=now_ms, notification=replace(message, key=key))
        for channel, key in keys.items()
    ]


def name_of(order: Acknowledgement) -> str:
    """Return what tells one acknowledgement of an id from the next one of the same id."""
    return f"{order.id} from {order.starts_ms}"


def after(group: Group, route: Route, look: Look, now_ms: int) -> Group | None:
    """Return the group once that message is made; None when nothing is left of it.

    When all that people were told of is over the group's life ends with it: what comes later is another incident, with
    another id.
    """
    fresh = {alert.alert_id for alert in look.fresh}
    over = {alert.alert_id for alert in look.ended}.union(look.missed)
    held = {alert.alert_id for alert, _ in look.held}
    members = {
        alert_id: msgspec.structs.replace(
            member,
            told=member.wanted if alert_id in fresh else member.told,
            held=member.held if alert_id in held else None,
        )
        for alert_id, member in group.members.items()
        if alert_id not in over
    }
    if not any(member.told for member in members.values()):
        reborn = Group(id=short_hash(group.id, group.number), route=group.route, labels=group.labels, members=members)
        return reborn if members else None
    return msgspec.structs.replace(
        group,
        members=members,
        channels=tuple(dict.fromkeys((*group.channels, *route.channels))),
        gravest=graver(group.gravest, _gravest([*look.fresh, *look.standing])),
        number=group.number + 1,
        last_ms=now_ms,
        due_ms=None,
    )


def _gravest(alerts: list[Alert]) -> AlertSeverity:
    gravest: AlertSeverity = "info"
    for alert in alerts:
        gravest = graver(alert.severity, gravest)
    return gravest
