"""What a worker's owner is given in place of Faust's app: consumer, producer, tables."""

from __future__ import annotations

from collections import UserDict, defaultdict, deque
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from faust.types import TP

from pipeline.faust_ext.batch import Batch
from pipeline.faust_ext.producer import Outgoing
from pipeline.faust_ext.table import DurableTable
from tests.model.broker import Broker, Group
from tests.model.operation import Pause, Place, ProduceError


class Fate(Protocol):
    """The schedule, as far as a client asks it."""

    def pauses(self, place: Place) -> bool:
        """Whether the worker stops here until it is told to go on."""

    def fails(self) -> bool:
        """Whether the broker refuses some of what is being produced."""

    def cut(self, length: int) -> int:
        """How many of so many records of one partition get through before a pause, a crash or a failure."""


class ModelConsumer:
    """The consumer of one worker: what it has fetched, and what of it waits for the agent."""

    def __init__(self, broker: Broker, group: Group, member: str, fate: Fate) -> None:
        self._broker, self._group, self._member, self._fate = broker, group, member, fate
        self.generation = -1
        self.assigned: set[TP] = set()
        self.queue: deque[Batch] = deque()
        self._next_fetch: dict[TP, int] = {}
        self._position: dict[TP, int] = {}
        self._heard: dict[TP, tuple[int, int]] = {}  # end of the log as the last fetch said, and when

    def assign(self, tps: Iterable[TP], generation: int) -> None:
        """A rebalance is over; nothing is read until `seek`."""
        self.assigned, self.generation = set(tps), generation
        self._next_fetch.clear()
        self._position.clear()
        self._heard.clear()

    def seek(self, offsets: Mapping[TP, int]) -> None:
        self._next_fetch |= offsets
        self._position |= offsets

    def poll(self, tp: TP, at_most: int, *, skipped: bool = False) -> None:
        """Fetch; `skipped`: Faust's stream drops what came."""
        start = self._next_fetch.get(tp)
        if start is None:
            return
        log = self._broker.logs[tp]
        records = log.read(start, at_most)
        if records:
            batch = Batch(tp, self.generation, start, records)
            self._next_fetch[tp] = batch.next_offset
            if not skipped:
                self.queue.append(batch)
        self._position[tp] = log.end if not log.read(self._next_fetch[tp], 1) else self._next_fetch[tp]
        self.hear(tp)

    def hear(self, tp: TP) -> None:
        """A fetch was answered: the end of the log is known."""
        self._heard[tp] = (self._broker.logs[tp].end, self._broker.clock.now_ms)

    def next_fetch(self, tp: TP) -> int | None:
        return self._next_fetch.get(tp)

    def at_end(self, tp: TP, within_ms: int, now_ms: int) -> bool:
        end, heard_ms = self._heard.get(tp, (0, -(10**15)))
        return self._position.get(tp, -1) >= end and now_ms - heard_ms <= within_ms

    async def rewind(self, tp: TP, offset: int) -> None:
        if tp in self.assigned:
            self.seek({tp: offset})

    async def commit_with_metadata(self, generation: int, offsets: Mapping[TP, tuple[int, str]]) -> bool:
        if self._fate.pauses("before commit"):
            await Pause("before commit")
        taken = self.generation == generation and self._group.commit(self._member, generation, offsets)
        if self._fate.pauses("after commit"):
            await Pause("after commit")
        return taken


Flight = dict[TP, list[Outgoing]]


class ModelProducer:
    """A producer whose records arrive whole, in part, or not at all. Within a partition they keep their order."""

    def __init__(self, broker: Broker, fate: Fate) -> None:
        self._broker, self._fate = broker, fate
        self.flights: list[Flight] = []

    async def deliver(self, records: Iterable[Outgoing]) -> None:
        flight = _by_partition(records)
        if not flight:
            return
        self.flights.append(flight)
        if self._fate.pauses("before produce"):
            await Pause("before produce")
        if self._fate.fails():
            self._land_some(flight)
            raise ProduceError
        if self._fate.pauses("in produce"):
            self._land_some(flight)
            await Pause("in produce")
        self.land(flight)
        if self._fate.pauses("before ack"):
            await Pause("before ack")

    def land(self, flight: Flight) -> None:
        """Everything of it has reached the broker."""
        for tp, records in flight.items():
            for record in records:
                self._broker.append(tp, record.key, record.value)
        if flight in self.flights:
            self.flights.remove(flight)

    def _land_some(self, flight: Flight) -> None:
        for tp, records in flight.items():
            arrived = self._fate.cut(len(records))
            for record in records[:arrived]:
                self._broker.append(tp, record.key, record.value)
            flight[tp] = records[arrived:]

    async def partitions_for(self, topic: str) -> set[int]:
        return set(range(self._broker.partitions[topic]))


def _by_partition(records: Iterable[Outgoing]) -> Flight:
    found: defaultdict[TP, list[Outgoing]] = defaultdict(list)
    for record in records:
        found[TP(record.topic, record.partition)].append(record)
    return dict(found)


class ModelApp:
    """Stands for Faust's app."""

    def __init__(self, consumer: ModelConsumer, producer: ModelProducer) -> None:
        self.consumer = consumer
        self.producer = producer


class ModelTable:
    """A durable table: the very methods of the real one, over a plain dictionary."""

    outgoing = DurableTable.outgoing
    write = DurableTable.write
    apply = DurableTable.apply
    forget: Any = DurableTable.forget

    def __init__(self, app: ModelApp, changelog: str) -> None:
        self.app: Any = app
        self.changelog_topic_name = changelog
        self.data: UserDict[bytes, bytes] = UserDict()

    def recover(self, broker: Broker, partitions: Iterable[int]) -> None:
        """Read the changelogs of these partitions: what was written, and what was deleted."""
        for number in partitions:
            log = broker.logs[TP(self.changelog_topic_name, number)]
            self.forget([record.key or b"" for record in log.records])
            self.data.data |= log.newest_by_key()
