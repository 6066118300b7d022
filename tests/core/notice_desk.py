"""A desk: the whole core of the notifier on a timeline, with alerts that are told to it and messages that come out."""

from __future__ import annotations

from typing import Any

from pipeline.core.notices import intake
from pipeline.core.notices.book import Book, Record, decode_record, encode_record
from pipeline.core.notices.decisions import decisions_of
from pipeline.core.notices.delivery import Delivery
from pipeline.core.notices.matching import Matcher
from pipeline.core.notices.orders import Acknowledgement, Order, Orders, Silence, order_key
from pipeline.core.notices.plan import Plan, Route
from pipeline.core.notices.rounds import Rounds
from pipeline.core.notices.suppression import Suppression, Why
from schemas.structs import Alert, AlertDecision
from tests.contracts.told_records import alert

START_MS = 1_763_791_200_000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
ONE_ROUTE = Plan(routes=(Route(name="all", channels=("ops",)),))


class Desk:
    """Time moves by `wait` alone, a second at a time."""

    def __init__(self, plan: Plan = ONE_ROUTE, now_ms: int = START_MS) -> None:
        self.plan = plan
        self.now_ms = now_ms
        self.orders = Orders()
        self.book = Book()
        self.rounds = Rounds(self.book, plan, self.orders)
        self.sent: list[Delivery] = []
        self.held_back: list[Suppression] = []
        self._sequences: dict[str, int] = {}
        self._last: dict[str, Alert] = {}

    def tell(
        self, alert_id: str = "a1", state: str = "firing", *, age_ms: int = 0, lag_ms: int = 0, **fields: Any
    ) -> None:
        """Tell the next transition of an alert; what is not named stays as it was."""
        sequence = self._sequences[alert_id] = self._sequences.get(alert_id, 0) + 1
        last = self._last.get(alert_id)
        kept = {name: getattr(last, name) for name in ("severity", "service", "rule", "labels")} if last else {}
        said_ms = self.now_ms - lag_ms
        fields = {
            "step_end_ms": said_ms - age_ms,
            "series": f"prod/{fields.get('service', 'checkout')}/pay",
            **kept,
            **fields,
        }
        self._last[alert_id] = told = alert(sequence, alert_id=alert_id, state=state, **fields)
        self.held_back += intake.take(self.book, self.plan, told, said_ms, self.now_ms)

    def hear(self, told: Alert) -> None:
        """Take a transition that is said now, as somebody else made it."""
        self.held_back += intake.take(self.book, self.plan, told, self.now_ms, self.now_ms)

    def order(self, order: Order) -> None:
        self.orders.put(order_key(order), order)

    def silence(self, minutes: int, **matchers: str) -> None:
        found = tuple(Matcher(name, (glob,)) for name, glob in matchers.items())
        until_ms = self.now_ms + minutes * MINUTE_MS
        self.order(Silence(id="s1", author="ann", comment="", starts_ms=self.now_ms, ends_ms=until_ms, matchers=found))

    def acknowledge(self, name: str, minutes: int) -> None:
        until_ms = self.now_ms + minutes * MINUTE_MS
        self.order(Acknowledgement(id=name, author="ann", comment="", starts_ms=self.now_ms, ends_ms=until_ms))

    def wait(self, seconds: int) -> list[str]:
        """Let time go by, and return what was sent in it, as `kind: alert state, …`."""
        before = len(self.sent)
        self._round()
        for _ in range(seconds):
            self.now_ms += 1_000
            self._round()
        return [line(one) for one in self.sent[before:]]

    def _round(self) -> None:
        outcome = self.rounds.go(self.now_ms)
        self.sent += outcome.deliveries
        self.held_back += outcome.held_back

    def restart(self, plan: Plan | None = None) -> None:
        """Begin again with what was written down."""
        book = self.book
        records: list[Record] = [*book.alerts.values(), *book.groups.values(), *book.deliveries.values()]
        self.plan = plan or self.plan
        self.book = Book()
        for record in records:
            self.book.load(decode_record(encode_record(record)))
        self.book.loaded()
        intake.reroute(self.book, self.plan)
        self.rounds = Rounds(self.book, self.plan, self.orders)

    def decisions(self) -> list[AlertDecision]:
        """Return the record of all that was held back."""
        return [record for one in self.held_back for record in decisions_of(one)]

    def whys(self) -> list[Why]:
        return [one.mute.why for one in self.held_back]


def line(delivery: Delivery) -> str:
    told = delivery.notification
    return f"{told.kind}: {', '.join(f'{one.alert_id} {one.state}' for one in told.alerts)}"
