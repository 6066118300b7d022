"""What a worker's owner is given in place of Faust's app: consumer, producer, tables."""

from __future__ import annotations

from collections import UserDict, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
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


class Flight(dict[TP, list[Outgoing]]):
    """What is on its way to the broker, in order by partition; `epochs` has those of the shards' producers."""

    def __init__(self, records: Iterable[Outgoing], epochs: Mapping[int, int]) -> None:
        found: defaultdict[TP, list[Outgoing]] = defaultdict(list)
        for record in records:
            found[TP(record.topic, record.partition)].append(record)
        super().__init__(found)
        self.epochs = dict(epochs)

    def land(self, broker: Broker, cut: Callable[[int], int] = lambda count: count) -> None:
        """Arrive, each partition's records as far as `cut` says; ProduceError where an epoch is of the past."""
        for tp, records in self.items():
            arriving = records[: cut(len(records))]
            for record in arriving:
                if tp.partition not in self.epochs:
                    broker.append(tp, record.key, record.value)
                elif not broker.append_of_epoch(tp, self.epochs[tp.partition], record):
                    raise ProduceError
            self[tp] = records[len(arriving) :]


class ModelProducer:
    """A producer whose records arrive whole, in part, or not at all. Within a partition they keep their order."""

    def __init__(self, broker: Broker, fate: Fate) -> None:
        self._broker, self._fate = broker, fate
        self.epochs: dict[int, int] = {}
        self.flights: list[Flight] = []

    async def deliver(self, records: Iterable[Outgoing]) -> None:
        flight = Flight(records, self.epochs)
        if not flight:
            return
        self.flights.append(flight)
        if self._fate.pauses("before produce"):
            await Pause("before produce")
        if self._fate.fails():
            flight.land(self._broker, self._fate.cut)
            raise ProduceError
        if self._fate.pauses("in produce"):
            flight.land(self._broker, self._fate.cut)
            await Pause("in produce")
        flight.land(self._broker)
        self.flights.remove(flight)
        if self._fate.pauses("before ack"):
            await Pause("before ack")

    async def partitions_for(self, topic: str) -> set[int]:
        return set(range(self._broker.partitions[topic]))


class ModelShardProducers(ModelProducer):
    """The same with a producer for each shard, of whose owners the broker takes the newest alone."""

    async def take(self, fences: Mapping[int, Sequence[Outgoing]]) -> None:
        self.epochs |= {shard: self._broker.next_epoch(shard) for shard in fences}
        await self.deliver([record for records in fences.values() for record in records])

    async def deliver(self, records: Iterable[Outgoing]) -> None:
        records = list(records)
        assert {record.partition for record in records} <= self.epochs.keys(), "a shard that was given up"
        await super().deliver(records)

    def give_up(self, shards: Iterable[int]) -> None:
        for shard in shards:
            self.epochs.pop(shard, None)


class ModelApp:
    """Stands for Faust's app."""

    def __init__(self, broker: Broker, consumer: ModelConsumer, producer: ModelProducer) -> None:
        self._broker = broker
        self.consumer = consumer
        self.producer = self.producers = producer

    async def read_changelogs(self, tps: Iterable[TP]) -> dict[TP, dict[bytes, bytes]]:
        return {tp: self._broker.logs[tp].newest_by_key() for tp in tps}


class ModelTable:
    """A durable table: the very methods of the real one, over a plain dictionary."""

    outgoing = DurableTable.outgoing
    write = DurableTable.write
    apply = DurableTable.apply
    forget: Any = DurableTable.forget
    fence = DurableTable.fence
    changelog = DurableTable.changelog

    def __init__(self, app: ModelApp, changelog: str) -> None:
        self.app: Any = app
        self.changelog_topic_name = changelog
        self.data: UserDict[bytes, bytes] = UserDict()
