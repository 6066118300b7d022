"""A round: looks at every group, and makes the messages that are due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from pipeline.core.notices.book import Book
from pipeline.core.notices.delivery import Delivery
from pipeline.core.notices.groups import Group, Member
from pipeline.core.notices.looking import Look, look_at
from pipeline.core.notices.messages import acknowledgements, after, due_ms, messages, name_of, repeat_ms
from pipeline.core.notices.muting import FOUND_MAX, Found, Muting
from pipeline.core.notices.orders import Orders
from pipeline.core.notices.plan import Plan, Route
from pipeline.core.notices.suppression import Mute, Suppression, Why
from schemas.structs import Alert

_GONE = Route(name="", channels=(), repeat_ms=0)
"""For groups whose route is no longer in the file: whom they told is told of the end."""

_LATER_MS = 60_000


@dataclass(slots=True)
class Outcome:
    """What a round decided: deliveries, which are in the book already, and what was held back."""

    deliveries: list[Delivery] = field(default_factory=list)
    held_back: list[Suppression] = field(default_factory=list)


class Rounds:
    """Goes through the book again and again. A round in which nothing can have changed costs next to nothing."""

    def __init__(self, book: Book, plan: Plan, orders: Orders) -> None:
        self._book = book
        self._plan = plan
        self._orders = orders
        self._in_force: frozenset[str] = frozenset()
        self._next_ms = 0
        self._found: Found = {}

    def go(self, now_ms: int) -> Outcome:
        """Return what is to be sent now. The book says that it was told, so it is to be written down first."""
        outcome = Outcome()
        windows = {f"window/{one.name}" for one in self._plan.windows if one.holds(now_ms)}
        in_force = self._orders.in_force(now_ms) | windows
        if not self._book.stirred and in_force == self._in_force and now_ms < self._next_ms:
            return outcome
        if in_force != self._in_force or len(self._found) > FOUND_MAX:
            self._found = {}
        self._book.stirred, self._in_force = False, in_force
        muting = Muting(self._plan, self._orders, self._book.alerts.values(), now_ms, self._found)
        looked = [self._visit(group, muting, now_ms, outcome) for group in list(self._book.groups.values())]
        self._next_ms = min([*looked, now_ms + _LATER_MS])
        return outcome

    def _visit(self, group: Group, muting: Muting, now_ms: int, outcome: Outcome) -> int:
        """Tell of one group if it is time to, and return when to look at it again."""
        route = self._plan.route(group.route) or _GONE
        look = look_at(group, self._book.alerts, muting)
        self._note_missed(group, look, now_ms, outcome)
        group = self._hold(group, look.held, now_ms, outcome)
        if look.missed:
            group = self._without(group, look)
        if look.news:
            return self._news(group, route, look, now_ms, outcome)
        if group.due_ms is not None:  # what was to be told ended, or was muted
            group = msgspec.structs.replace(group, due_ms=None)
            self._book.put(group)
        group = self._acknowledge(group, look, now_ms, outcome)
        again_ms = repeat_ms(group, route, look)
        if again_ms is None or now_ms < again_ms:
            return again_ms or now_ms + _LATER_MS
        return self._repeat(group, route, look, now_ms, outcome)

    def _news(self, group: Group, route: Route, look: Look, now_ms: int, outcome: Outcome) -> int:
        due = due_ms(group, route, look, now_ms)
        if due <= now_ms:
            return self._tell(group, route, look, now_ms, outcome)
        if due != group.due_ms:
            group = msgspec.structs.replace(group, due_ms=due)
            self._book.put(group)
        waiting = [alert for alert in (*look.fresh, *look.ended) if not _waits(group.members[alert.alert_id])]
        mute = Mute(Why.GROUPED, until_ms=due)
        self._hold(group, [(alert, mute) for alert in waiting], now_ms, outcome)
        return due

    def _repeat(self, group: Group, route: Route, look: Look, now_ms: int, outcome: Outcome) -> int:
        found = [(one, self._orders.acknowledgement((one.alert_id, group.id), now_ms)) for one in look.loud]
        mutes = [(one, Mute(Why.ACKNOWLEDGED, order.id, order.author, order.ends_ms)) for one, order in found if order]
        if len(mutes) < len(found):
            return self._tell(group, route, look, now_ms, outcome, again=True)
        self._hold(group, mutes, now_ms, outcome)
        return now_ms + _LATER_MS

    def _acknowledge(self, group: Group, look: Look, now_ms: int, outcome: Outcome) -> Group:
        """Tell the channels once that somebody looks after all that fires, and return the group that knows it."""
        orders = [self._orders.acknowledgement((one.alert_id, group.id), now_ms) for one in look.standing]
        order = orders[0] if orders and None not in orders else None
        name = "" if order is None else name_of(order)
        if name == group.acknowledged:
            return group
        group = msgspec.structs.replace(group, acknowledged=name)
        self._book.put(group)
        if order is not None:
            made = acknowledgements(group, look, order, now_ms)
            for delivery in made:
                self._book.put(delivery)
            outcome.deliveries += made
        return group

    def _tell(
        self, group: Group, route: Route, look: Look, now_ms: int, outcome: Outcome, *, again: bool = False
    ) -> int:
        made = messages(group, route, look, now_ms, again=again)
        for delivery in made:
            self._book.put(delivery)
        outcome.deliveries += made
        told = after(group, route, look, now_ms)
        if told is None:
            self._book.drop(group)
        else:
            self._book.put(told)
        return now_ms  # what is left of it is looked at in the next round

    def _without(self, group: Group, look: Look) -> Group:
        """Return a group without what ended before anybody was told."""
        members = {alert_id: one for alert_id, one in group.members.items() if alert_id not in look.missed}
        group = msgspec.structs.replace(group, members=members, due_ms=group.due_ms if members else None)
        if members:
            self._book.put(group)
        else:
            self._book.drop(group)
        return group

    def _note_missed(self, group: Group, look: Look, now_ms: int, outcome: Outcome) -> None:
        for alert_id in look.missed:
            known, before = self._book.alerts.get(alert_id), group.members[alert_id].held
            if known is not None:
                mute = Mute(Why.OVER_BEFORE_TOLD) if before is None else _over(before)
                outcome.held_back.append(self._held(group, known.alert, mute, now_ms))

    def _hold(self, group: Group, muted: Sequence[tuple[Alert, Mute]], now_ms: int, outcome: Outcome) -> Group:
        """Say what keeps people from being told, once: the group remembers it. Return the group that does."""
        fresh = [(alert, mute) for alert, mute in muted if group.members[alert.alert_id].held != mute]
        if not fresh:
            return group
        outcome.held_back += [self._held(group, alert, mute, now_ms) for alert, mute in fresh]
        noted = {
            alert.alert_id: msgspec.structs.replace(group.members[alert.alert_id], held=mute) for alert, mute in fresh
        }
        group = msgspec.structs.replace(group, members={**group.members, **noted})
        self._book.put(group)
        return group

    def _held(self, group: Group, alert: Alert, mute: Mute, now_ms: int) -> Suppression:
        route = self._plan.route(group.route)
        channels = group.channels if route is None else route.channels
        return Suppression(mute=mute, at_ms=now_ms, alert=alert, channels=channels, group=group.id)


def _waits(member: Member) -> bool:
    return member.held is not None and member.held.why is Why.GROUPED


def _over(before: Mute) -> Mute:
    return Mute(Why.OVER_BEFORE_TOLD, before.by, before.author)
