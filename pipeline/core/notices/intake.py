"""What a transition of an alert changes in the book: it joins the groups of its routes, or is only followed."""

from __future__ import annotations

import msgspec

from pipeline.core.notices.book import Book
from pipeline.core.notices.groups import ON, Group, Known, Member, graver, group_key, labels_of, short_hash
from pipeline.core.notices.plan import Plan, Route
from pipeline.core.notices.suppression import Mute, Suppression, Why
from pipeline.core.rules import DAY_MS
from schemas.structs import Alert


def take(book: Book, plan: Plan, alert: Alert, said_ms: int, now_ms: int) -> list[Suppression]:
    """Take in a transition; `said_ms` is when it was put on the topic. One that is known changes nothing.

    Only what people are to be told of joins groups; everything else is followed: it changes how bad an alert is shown,
    hides others, or ends. An alert that is over and that nobody knows of is passed over.
    """
    alert_id = alert.alert_id
    known = book.alerts.get(alert_id)
    if (known is not None and alert.sequence <= known.alert.sequence) or (known is None and alert.state not in ON):
        return []
    book.stirred = True
    wanted = alert.state in ON and alert.notify
    why = _kept_out(plan, alert, said_ms, now_ms) if wanted else None
    before = known is not None and known.wanted
    gravest = alert.severity if known is None else graver(known.worst, alert.severity)
    wanted_ever = before or (wanted and why is not Why.SUPPRESSED_OLD)
    book.put(Known(alert=alert, wanted=wanted_ever, seen_ms=now_ms, gravest=gravest))
    if not wanted:
        return []
    if why is not None:
        return [Suppression(mute=Mute(why), at_ms=now_ms, alert=alert)]
    for route in plan.routes_of(alert):
        _join(book, route, alert)
    return []


def _kept_out(plan: Plan, alert: Alert, said_ms: int, now_ms: int) -> Why | None:
    """Return why an alert joins no group, if it does not.

    Old is what was long past when it was decided: a log that is read again. What was decided in time and is read late
    is told if it is still true when everything was read, unless it is a day old.
    """
    if said_ms - alert.step_end_ms > plan.old_after_ms or now_ms - said_ms > max(DAY_MS, plan.old_after_ms):
        return Why.SUPPRESSED_OLD
    return Why.UNROUTED if next(plan.routes_of(alert), None) is None else None


def _join(book: Book, route: Route, alert: Alert) -> None:
    labels = labels_of(route, alert)
    group = book.groups.get(group_key(route.name, labels))
    if group is None:
        first = short_hash(route.name, labels, alert.alert_id, alert.sequence)
        group = Group(id=first, route=route.name, labels=labels)
    before = group.members.get(alert.alert_id)
    if before is None:
        member = Member(wanted=alert.severity)
    elif before.wanted == (severity := graver(before.wanted, alert.severity)):
        member = before
    else:
        member = Member(wanted=severity, told=before.told)
    book.put(msgspec.structs.replace(group, members={**group.members, alert.alert_id: member}))


def reroute(book: Book, plan: Plan) -> None:
    """Give the alerts of routes that are no longer in the file to those that are.

    Who was told of an alert on the old route stays in its group, and is told of the end.
    """
    for group in [one for one in book.groups.values() if plan.route(one.route) is None]:
        for alert_id in [alert_id for alert_id, member in group.members.items() if member.owed]:
            for route in plan.routes_of(book.alerts[alert_id].alert):
                _join(book, route, book.alerts[alert_id].alert)
        told = {alert_id: member for alert_id, member in group.members.items() if member.told is not None}
        if told:
            settled = {key: msgspec.structs.replace(member, wanted=member.told) for key, member in told.items()}
            book.put(msgspec.structs.replace(group, members=settled, due_ms=None))
        else:
            book.drop(group)
