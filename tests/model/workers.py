"""Workers: the real Aggregator and Evaluator, with what Faust does around them."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from faust.types import TP

from pipeline.aggregator.owner import Aggregator
from pipeline.evaluator.owner import Evaluator
from pipeline.evaluator.rule_source import RuleSource
from pipeline.evaluator.speaker import Speaker
from pipeline.evaluator.takeover import Tables
from pipeline.settings import Settings
from pipeline.topics import topics_of
from tests.model.broker import Broker
from tests.model.client import Fate, Flight, ModelApp, ModelConsumer, ModelProducer, ModelShardProducers, ModelTable
from tests.model.operation import Operation


class Worker:
    """One process of a group. It has at most one call under way that holds its owner's lock, and one that does not."""

    role = ""
    receives_under_lock = True
    make_producer = ModelProducer

    def __init__(self, broker: Broker, settings: Settings, member: str, fate: Fate) -> None:
        self.broker, self.settings, self.member = broker, settings, member
        self.group = broker.groups[self.role]
        self.consumer = ModelConsumer(broker, self.group, member, fate)
        self.producer = self.make_producer(broker, fate)
        self.app = ModelApp(broker, self.consumer, self.producer)
        self.working: Operation | None = None
        self.receiving: Operation | None = None
        self.restoring = False
        self.ready = False  # owns what it was assigned
        self.frozen = False  # stopped by a signal: a zombie, once the group has given its partitions away

    owner: Aggregator | Evaluator

    @property
    def operations(self) -> list[Operation]:
        """What is under way and waits to be told to go on."""
        return [operation for operation in (self.working, self.receiving) if operation is not None]

    def may_work(self) -> bool:
        return self.ready and self.working is None

    def may_receive(self) -> bool:
        busy = self.working if self.receives_under_lock else self.receiving
        return self.ready and busy is None and bool(self.consumer.queue)

    def tick(self) -> None:
        self._work(self._tick())

    def receive(self) -> None:
        """Hand the next batch to the agent."""
        operation = Operation(self.owner.receive(self.consumer.queue.popleft()))
        if self.receives_under_lock:
            self.working = operation
        else:
            self.receiving = operation
        self.go_on(operation)

    def release(self) -> None:
        self._work(self.owner.release())

    def restore(self, assigned: set[TP]) -> None:
        """Take partitions over after a rebalance."""
        self.consumer.assign(assigned, self.group.generation)
        committed = {tp: self.group.committed.get(tp) for tp in sorted(assigned)}
        self.ready, self.restoring = False, True
        self._work(self.owner.restore(committed, dict.fromkeys(assigned, 0), self.group.generation))

    def go_on(self, operation: Operation) -> None:
        """Let a call under way come to its next pause, or to its end."""
        operation.step()
        if operation.at is not None:
            return
        if operation is self.receiving:
            self.receiving = None
            return
        self.working = None
        if self.restoring:
            self.consumer.seek(operation.result)
            self.restoring, self.ready = False, True

    def finish(self) -> None:
        """Let what holds the lock come to its end."""
        while self.working is not None:
            self.go_on(self.working)

    def die(self) -> list[Flight]:
        """End at once; return what was on its way to the broker."""
        for operation in self.operations:
            operation.drop()
        self.working = self.receiving = None
        self.ready = self.restoring = False
        return [flight for flight in self.producer.flights if any(flight.values())]

    def _work(self, coroutine: Coroutine[Any, None, Any]) -> None:
        assert self.working is None
        self.working = Operation(coroutine)
        self.go_on(self.working)

    def _tick(self) -> Coroutine[Any, None, Any]:
        raise NotImplementedError


class AggregatorWorker(Worker):
    role = "aggregator"
    receives_under_lock = False

    def __init__(self, broker: Broker, settings: Settings, member: str, fate: Fate) -> None:
        super().__init__(broker, settings, member, fate)
        self.owner = Aggregator(settings)
        self.owner.boot_id = member
        self.owner.app = self.app

    def _tick(self) -> Coroutine[Any, None, Any]:
        return self.owner.settle()  # type: ignore[union-attr]


class EvaluatorWorker(Worker):
    role = "evaluator"
    make_producer = ModelShardProducers

    def __init__(
        self, broker: Broker, settings: Settings, member: str, fate: Fate, rules: RuleSource | None = None
    ) -> None:
        super().__init__(broker, settings, member, fate)
        topics = topics_of(settings)
        self.tables: Any = Tables(
            *(
                ModelTable(self.app, name)  # type: ignore[arg-type]
                for name in (topics.closed_panes, topics.long_panes, topics.windows, topics.alerts_state)
            )
        )
        self.owner = owner = Evaluator(settings, [])
        owner.rule_source = rules or owner.rule_source
        owner.boot_id, owner.app, owner.tables = member, self.app, self.tables
        owner.speaker = Speaker(self.app, topics, self.tables.alerts, self.tables.windows, owner.lease)

    def _tick(self) -> Coroutine[Any, None, Any]:
        return self.owner.tick()  # type: ignore[union-attr]
