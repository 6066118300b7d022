"""Producers that never give up: each sends at its rate, waits out every outage, and begins a new boot when it must."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from dataclasses import dataclass, field

from aiokafka.errors import IllegalOperation, KafkaError

from faults.facts import ProducerAccount
from faults.load.content import Kind
from faults.load.maker import Made, Maker
from faults.load.orders import Orders
from faults.load.ranges import Ranges
from faults.load.sender import Sender, Spans, make_producer

log = logging.getLogger(__name__)

TICK_SECONDS = 0.15
BACKLOG_SECONDS = 3.0
"""After an outage a producer makes up for this much; a real one's queue is bounded too."""
_AGAIN_SECONDS = 1.0
_TRANSACTION_TICKS = 6
_ABORTED_OF_TEN = 3


@dataclass
class Producer:
    """One producer of the load. `accounts` has one for each boot so far."""

    orders: Orders
    kind: Kind
    rate: float
    maker: Maker = field(init=False)
    acknowledged: Ranges = field(default_factory=Ranges)
    aborted: Ranges = field(default_factory=Ranges)
    finished: list[ProducerAccount] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.maker = Maker(f"load-{self.kind.value}", self.kind, self.orders.seed, self.orders.series)
        self._began_s = time.monotonic()
        self._made = 0.0
        self._rng = random.Random(f"{self.orders.seed}/aborts")

    async def run(self, stop: asyncio.Event) -> None:
        """Produce until `stop` is set, and return when everything is acknowledged."""
        while not stop.is_set():
            try:
                await self._live(stop)
            except (KafkaError, IllegalOperation, AssertionError) as error:
                # A fenced transaction, one that aiokafka gave up by itself, a sequence out of order: what was under
                # way is unknown from now on.
                log.warning("%s begins a new boot: %r", self.maker.producer, error)
                self._end_boot()
                await asyncio.sleep(_AGAIN_SECONDS)

    def accounts(self) -> list[ProducerAccount]:
        """Every boot, the present one last."""
        return [*self.finished, self._account()]

    def sent(self) -> int:
        """How many events were made."""
        return self.maker.sent + sum(account.sent for account in self.finished)

    async def _live(self, stop: asyncio.Event) -> None:
        transactional = self.kind is Kind.TRANSACTIONS
        producer = make_producer(
            self.orders.bootstrap, f"{self.orders.operations}/load-{self.orders.seed}" if transactional else None
        )
        try:
            await producer.start()
            if transactional:
                await self._transactions(producer, stop)
            else:
                await self._plain(Sender(producer, self.orders.operations, self.orders.errors, self._acked), stop)
        finally:
            await _close(producer)

    async def _plain(self, sender: Sender, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await sender.send(self._due())
            await asyncio.sleep(TICK_SECONDS)
        await sender.flush()

    async def _transactions(self, producer: object, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self._transaction(producer)

    async def _transaction(self, producer: object) -> None:
        spans, client = Spans(), producer
        sender = Sender(client, self.orders.operations, self.orders.errors, spans.extend)
        await client.begin_transaction()  # type: ignore[attr-defined]  # aiokafka is untyped
        for _ in range(_TRANSACTION_TICKS):
            await sender.send(self._due())
            await asyncio.sleep(TICK_SECONDS)
        await sender.flush()
        if self._rng.randrange(10) < _ABORTED_OF_TEN:
            await client.abort_transaction()  # type: ignore[attr-defined]
            _add(self.aborted, spans)
        else:
            await client.commit_transaction()  # type: ignore[attr-defined]
            _add(self.acknowledged, spans)

    def _due(self) -> list[Made]:
        """Make what is due by now."""
        now_s = time.monotonic() - self._began_s
        self._made = max(self._made, (now_s - BACKLOG_SECONDS) * self.rate)
        storm, made = self.orders.storms_at(now_s), []
        now_ms = time.time_ns() // 1_000_000
        while self._made < now_s * self.rate:
            made.append(self.maker.make(now_ms, storm=storm))
            self._made += made[-1].past - made[-1].first
        return made

    def _acked(self, spans: Spans) -> None:
        _add(self.acknowledged, spans)

    def _account(self) -> ProducerAccount:
        maker = self.maker
        acknowledged, aborted = self.acknowledged.all(), self.aborted.all()
        return ProducerAccount(maker.producer, maker.boot, self.kind.value, maker.sent, acknowledged, aborted)

    def _end_boot(self) -> None:
        self.finished.append(self._account())
        # New ones: what is acknowledged late, after the boot's end, must not count for the next.
        self.acknowledged, self.aborted = Ranges(), Ranges()
        self.maker.reboot()


def _add(ranges: Ranges, spans: Spans) -> None:
    for first, past in spans:
        ranges.add(first, past)


async def _close(producer: object) -> None:
    try:
        async with asyncio.timeout(5):
            await producer.stop()  # type: ignore[attr-defined]
    except (KafkaError, TimeoutError) as error:
        log.warning("a producer was not closed in order: %r", error)
