"""A session: the notifier while it owns the alerts. Reads, decides, writes down, then sends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from pipeline.core.notices.book import Book
from pipeline.core.notices.decisions import decision_on, decisions_of, held_in_lane
from pipeline.core.notices.delivery import Delivery
from pipeline.core.notices.intake import reroute, take
from pipeline.core.notices.plan import Plan
from pipeline.core.notices.rounds import Rounds
from pipeline.core.notices.suppression import Suppression, Why
from pipeline.notifier.journal import Journal
from pipeline.notifier.message import Channel
from pipeline.notifier.orders_topic import OrdersTopic
from pipeline.notifier.self_care import SelfCare
from pipeline.notifier.sender import ChannelLimits, Sender, now_ms
from schemas.structs import Alert, decode

_POLL_MS = 50
_COMMIT_MS = 5_000
_SWEEP_MS = 60_000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Told:
    """A channel and how it is used."""

    channel: Channel
    limits: ChannelLimits


class Session:
    """One loop for everything.

    What alerts, orders and attempts change is written down in one transaction; only then is anything sent, or taken as
    done.
    """

    def __init__(
        self,
        plan: Plan,
        channels: Mapping[str, Told],
        consumer: AIOKafkaConsumer,
        journal: Journal,
        book: Book,
        orders: OrdersTopic,
        care: SelfCare,
    ) -> None:
        self._plan = plan
        self._consumer = consumer
        self._journal = journal
        self._book = book
        self._orders = orders
        self._care = care
        self._own: list[Alert] = []  # about the pipeline itself, not written down yet
        self._rounds = Rounds(book, plan, orders.orders)
        self._held_back: list[Suppression] = []  # not written down yet
        self._reports: list[tuple[Delivery, asyncio.Future[None]]] = []
        self._senders = {
            name: Sender(told.channel, told.limits, self._report, book.reference) for name, told in channels.items()
        }
        self._ends: dict[TopicPartition, int] = {}
        self._read: dict[TopicPartition, int] = {}
        self._committed_ms = self._swept_ms = now_ms()

    async def run(self, leave: Callable[[], bool], patience_s: float) -> None:
        """Notify until `leave` says so; then let attempts that are on their way end, for `patience_s` at most."""
        await self._go_to_committed()
        reroute(self._book, self._plan)
        self._send_again()
        tasks = [asyncio.create_task(sender.run()) for sender in self._senders.values()]
        care = asyncio.create_task(self._care.run())
        self._hand_out(self._book.waiting())
        log.info("notifying of %s", ", ".join(self._senders) or "nobody")
        try:
            while not leave():
                await self._step()
                for task in (*tasks, care):
                    if task.done():
                        task.result()
            await self._finish(tasks, patience_s)
        finally:
            for task in (*tasks, care):
                task.cancel()
            await asyncio.gather(*tasks, care, return_exceptions=True)

    async def _go_to_committed(self) -> None:
        """Go on where the last owner's transactions end: what this consumer fetched before may have passed that."""
        places = sorted(self._consumer.assignment())
        self._ends = await self._consumer.end_offsets(places)
        begins = await self._consumer.beginning_offsets(places)
        for place in places:
            committed = await self._consumer.committed(place)
            self._consumer.seek(place, max(committed or 0, begins[place]))

    async def _step(self) -> None:
        fetched = await self._consumer.getmany(timeout_ms=_POLL_MS)
        at_ms = now_ms()
        for place, records in fetched.items():
            for record in records:
                alert = _alert_in(record.value)
                if alert is not None:
                    self._held_back += take(self._book, self._plan, alert, record.timestamp, at_ms)
            self._read[place] = records[-1].offset + 1
        if await self._orders.poll():
            self._send_again()
        if await self._has_read_everything():
            for alert in self._care.judge():
                self._own.append(alert)
                self._held_back += take(self._book, self._plan, alert, at_ms, at_ms)
            self._held_back += self._rounds_at(at_ms)
        await self._write(at_ms)

    def _rounds_at(self, at_ms: int) -> list[Suppression]:
        if at_ms - self._swept_ms >= _SWEEP_MS:
            self._swept_ms = at_ms
            self._book.sweep(at_ms)
        return self._rounds.go(at_ms).held_back

    async def _has_read_everything(self) -> bool:
        """Whether all that was there at the start has been read: until then nobody knows what is still true."""
        for place in list(self._ends):
            if await self._consumer.position(place) >= self._ends[place]:
                del self._ends[place]
        return not self._ends

    async def _write(self, at_ms: int) -> None:
        """Write down what changed and what was held back, then act on it."""
        reports, self._reports = self._reports, []
        for delivery, _ in reports:
            self._put(delivery, at_ms)
        changes = self._book.take_changes()
        held_back, self._held_back = self._held_back, []
        own, self._own = self._own, []
        if changes or held_back or (self._read and at_ms - self._committed_ms >= _COMMIT_MS):
            offsets, self._read = self._read, {}
            decisions = [record for one in held_back for record in decisions_of(one)]
            await self._journal.write(changes, offsets, [*map(decision_on, own), *decisions], own)
            self._committed_ms = at_ms
        for _, written in reports:
            if not written.done():
                written.set_result(None)
        for held in held_back:
            log.log(logging.DEBUG if held.mute.why is Why.GROUPED else logging.INFO, "held back: %s", held)
        changed = [one for one in changes.values() if isinstance(one, Delivery)]
        self._hand_out([one for one in changed if one.state == "waiting"])
        for one in changed:
            if one.state == "undelivered":
                named = (Why.UNDELIVERED, one.key, one.channel, one.attempts, one.answer)
                log.error("%s: %s on %s after %d attempts: %s", *named)

    def _hand_out(self, deliveries: list[Delivery]) -> None:
        for delivery in deliveries:
            sender = self._senders.get(delivery.channel)
            if sender is None:
                gone = "the notifications file has no such channel any more"
                self._put(delivery.undelivered(now_ms(), gone), now_ms())
            elif sender.lane.offer(delivery):
                sender.wake()
            else:
                many = "too many messages wait for this channel"
                self._put(delivery.undelivered(now_ms(), many), now_ms())

    def _put(self, delivery: Delivery, at_ms: int) -> None:
        self._held_back += held_in_lane(self._book.deliveries.get(delivery.key), delivery, at_ms)
        self._book.put(delivery)

    def _send_again(self) -> None:
        """Obey requests to send again, each once."""
        for request in self._orders.orders.resends.values():
            self._book.send_again(request.key, request.requested_ms)

    async def _report(self, delivery: Delivery) -> None:
        """Return when what became of an attempt is written down."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reports.append((delivery, written))
        await written

    async def _finish(self, tasks: list[asyncio.Task[None]], patience_s: float) -> None:
        """Let attempts that are on their way end, and write down how."""
        for sender in self._senders.values():
            sender.leave()
        until_ms = now_ms() + int(patience_s * 1_000)
        while now_ms() < until_ms and not all(task.done() for task in tasks):
            await asyncio.sleep(_POLL_MS / 1_000)
            await self._write(now_ms())
        await self._write(now_ms())


def _alert_in(value: bytes | None) -> Alert | None:
    try:
        record = decode(value or b"")
    except msgspec.DecodeError as error:
        log.warning("a record on the topic alerts can't be read, nobody is told of it: %s", error)
        return None
    return record if isinstance(record, Alert) else None
