"""A round: looks at every group, and makes the messages that are due."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from pipeline.core.notices.book import Book
from pipeline.core.notices.delivery import Delivery
from pipeline.core.notices.groups import Group
from pipeline.core.notices.looking import Look, look_at
from pipeline.core.notices.messages import acknowledgements, after, due_ms, messages, name_of, repeat_ms
from pipeline.core.notices.muting import FOUND_MAX, Found, Muting
from pipeline.core.notices.orders import Orders
from pipeline.core.notices.plan import Plan, Route
from pipeline.core.notices.suppression import Suppression, Why

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
        self._said: dict[tuple[str, str], tuple[Why, str]] = {}  # what was held back, so that it is said once

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
        self._note_held(group, look, now_ms, outcome)
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
            self._book.put(msgspec.structs.replace(group, due_ms=due))
            outcome.held_back.append(Suppression(why=Why.GROUPED, at_ms=now_ms, group=group.id, by=f"until {due}"))
        return due

    def _repeat(self, group: Group, route: Route, look: Look, now_ms: int, outcome: Outcome) -> int:
        acknowledged = all(self._orders.is_acknowledged((one.alert_id, group.id), now_ms) for one in look.loud)
        if not acknowledged:
            return self._tell(group, route, look, now_ms, outcome, again=True)
        self._say(group, "", (Why.ACKNOWLEDGED, group.id), now_ms, outcome)
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
        self._said.pop((group.key, ""), None)
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

    def _note_held(self, group: Group, look: Look, now_ms: int, outcome: Outcome) -> None:
        for alert_id in look.missed:
            _, by = self._said.pop((group.key, alert_id), (None, ""))
            found = Suppression(why=Why.OVER_BEFORE_TOLD, at_ms=now_ms, alert_id=alert_id, group=group.id, by=by)
            outcome.held_back.append(found)
        for alert, mute in look.held:
            self._say(group, alert.alert_id, mute, now_ms, outcome)
        for alert in (*look.fresh, *look.ended):
            self._said.pop((group.key, alert.alert_id), None)

    def _say(self, group: Group, alert_id: str, mute: tuple[Why, str], now_ms: int, outcome: Outcome) -> None:
        if self._said.get((group.key, alert_id)) != mute:
            self._said[group.key, alert_id] = mute
            why, by = mute
            outcome.held_back.append(Suppression(why=why, at_ms=now_ms, alert_id=alert_id, group=group.id, by=by))
