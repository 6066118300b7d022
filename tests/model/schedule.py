"""A random walk through what can happen, from a seed: the same seed is the same walk."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from faust.types import TP

from tests.model.events import DURATIONS_MS, OPERATIONS, SERVICES, Element, Verdict
from tests.model.rest import catch_up, settle_down
from tests.model.workers import Worker
from tests.model.world import NEVER_IDLE_MS, World

ORDERLY_MS = 1_900
"""Events of orderly traffic are less out of order than the out-of-orderness that the pipeline waits for."""

VERDICTS: tuple[Verdict, ...] = ("ok", "ok", "ok", "failed", "failed", "client_error", "timeout", "cancelled")
POISON = (b"{", b"", b"null", b'"text"', b'{"type":"operation"}', b"\xff\xfe", b"17")
ELEMENT_POISON = (b"null", b'{"type":"operation"}', b'{"type":"error","severity":"odd"}', b"[]")


@dataclass(frozen=True)
class Mood:
    """How a walk goes: how many actions, and how likely each kind is."""

    actions: int = 80
    orderly: bool = False
    weights: tuple[tuple[str, float], ...] = ()

    def swarmed(self, rng: random.Random) -> Mood:
        """Return a mood with some kinds of actions left out and some frequent: rare things then come together."""
        often = tuple((name, weight * rng.choice((0.0, 0.5, 1.0, 4.0))) for name, weight in self.weights)
        return replace(self, weights=often)


class Walk:
    """Takes random actions in a world."""

    def __init__(self, world: World, mood: Mood) -> None:
        self.world, self.mood, self.rng = world, mood, world.rng
        self._names = [name for name, _ in mood.weights]
        self._weights = [weight for _, weight in mood.weights]
        self._actions: dict[str, Callable[[], None]] = {
            name: getattr(self, name) for name in self._names if hasattr(self, name)
        }

    def run(self) -> World:
        """Walk; then let everything come to rest."""
        self.world.begin()
        self.prime()
        self.world.chance.calm = False
        for name in self.rng.choices(self._names, self._weights, k=self.mood.actions):
            self._actions[name]()
        settle_down(self.world)
        self.close()
        return self.world

    # ---- traffic

    def prime(self) -> None:
        """One event in each partition, so that each has a watermark from the beginning."""
        for tp in self.sources():
            self.world.publish(tp, [self.closer(tp)], whole=True)

    def close(self) -> None:
        """Time goes on until every pane is closed and every window empty. The first part of that may be rough."""
        for by_ms in (100_000, 80_000):
            self.world.chance.calm = by_ms == 80_000 or self.rng.random() < 0.3
            self.world.clock.advance(by_ms)
            if self.world.plan.settings.idle_after_ms >= NEVER_IDLE_MS:
                self.prime()
            catch_up(self.world)
        if self.world.ghosts:
            settle_down(self.world)

    def closer(self, tp: TP) -> Element:
        kind = "error" if tp.topic == self.world.topics.errors else "operation"
        return Element(kind, self.world.clock.now_ms, "clock", "tick")  # type: ignore[arg-type]

    def sources(self) -> list[TP]:
        broker, topics = self.world.broker, self.world.topics
        return [TP(topic, n) for topic in (topics.operations, topics.errors) for n in range(broker.partitions[topic])]

    def publish(self) -> None:
        tp = self.rng.choice(self.sources())
        count = self.rng.choice((1, 1, 1, 2, 3))
        elements = [self.element(tp) for _ in range(count)]
        whole = count == 1 and self.rng.random() < 0.7
        hole = self.rng.choice((0, 0, 0, 0, 1, 2))
        self.world.publish(tp, elements, whole=whole, hole=hole)

    def poison(self) -> None:
        """A record, or an element of one, that can't be used."""
        tp, rng = self.rng.choice(self.sources()), self.rng
        if rng.random() < 0.4:
            self.world.publish(tp, [Element("dead", poison=rng.choice(POISON))], whole=True)
            return
        ahead = self.world.clock.now_ms + rng.randint(30_001, 10**9)
        bad = (Element("dead", poison=rng.choice(ELEMENT_POISON)), self.future(tp, ahead))
        self.world.publish(tp, [self.element(tp), rng.choice(bad), self.element(tp)], whole=False)

    def future(self, tp: TP, at_ms: int) -> Element:
        """An element that is refused for its time: dead, whatever else it says."""
        kind = "error" if tp.topic == self.world.topics.errors else "operation"
        return Element("dead", poison=Element(kind, at_ms).encode("future"))  # type: ignore[arg-type]

    def change(self) -> None:
        self.world.change_rules()

    def sample(self) -> None:
        tp = TP(self.world.topics.samples, self.rng.randrange(self.world.broker.partitions[self.world.topics.samples]))
        self.world.publish(tp, [Element("sample", self.world.clock.now_ms)], whole=True)

    def duplicate(self) -> None:
        """A producer sends a record again: two records are two events."""
        everything = [record for records in self.world.truth.records.values() for record in records]
        if self.mood.orderly:
            since_ms = self.world.clock.now_ms - ORDERLY_MS
            everything = [each for each in everything if all(one.timestamp_ms >= since_ms for one in each.elements)]
        if everything:
            again = self.rng.choice(everything)
            self.world.publish(again.tp, again.elements, whole=again.whole)

    def element(self, tp: TP) -> Element:
        rng, at_ms = self.rng, self.at_ms()
        service, operation = rng.choice(SERVICES), rng.choice(OPERATIONS)
        if tp.topic == self.world.topics.errors:
            severity = rng.choice(("warning", "error", "error", "critical"))
            return Element("error", at_ms, service, rng.choice((operation, "")), severity=severity)
        verdict, weight = rng.choice(VERDICTS), rng.choice((1, 1, 1, 3))
        return Element("operation", at_ms, service, operation, rng.choice(DURATIONS_MS), verdict, weight)

    def at_ms(self) -> int:
        now_ms, rng = self.world.clock.now_ms, self.rng
        if self.mood.orderly or rng.random() < 0.7:
            return now_ms - rng.randint(0, ORDERLY_MS)
        return now_ms + rng.choice((rng.randint(1, 30_000), -rng.randint(2_000, 30_000), -rng.randint(30_000, 90_000)))

    # ---- work

    def poll(self) -> None:
        worker = self.someone()
        if worker is not None and worker.consumer.assigned:
            tp = self.rng.choice(sorted(worker.consumer.assigned))
            skipped = self.rng.random() < 0.02
            self.world.poll(worker, tp, self.rng.choice((1, 2, 5, 100)), skipped=skipped)

    def take(self) -> None:
        worker = self.someone()
        while worker is not None and worker.may_receive():
            self.world.take(worker)
            if self.rng.random() < 0.3:
                return

    def tick(self) -> None:
        worker = self.someone()
        if worker is None or not worker.may_work():
            return
        for tp in worker.consumer.assigned:
            if self.rng.random() < 0.8:
                worker.consumer.hear(tp)
        self.world.tick(worker)

    def work(self) -> None:
        """A worker reads whatever there is, and ticks."""
        worker = self.someone()
        if worker is None:
            return
        for tp in sorted(worker.consumer.assigned):
            self.world.poll(worker, tp, 100)
        while worker.may_receive():
            self.world.take(worker)
        if worker.may_work():
            self.world.tick(worker)

    def quiet(self) -> None:
        """Nothing comes for a while, and all who can tick: partitions become idle."""
        for _ in range(self.rng.choice((2, 3, 6))):
            self.world.clock.advance(2_600)
            for worker in self.world.each():
                if not worker.frozen and worker.may_work():
                    for tp in worker.consumer.assigned:
                        worker.consumer.hear(tp)
                    self.world.tick(worker)

    def go_on(self) -> None:
        """What is held up somewhere goes on; often past several places."""
        held = [(worker, each) for worker in self.world.each() if not worker.frozen for each in worker.operations]
        if held:
            worker, operation = self.rng.choice(held)
            self.world.go_on(worker, operation)
            while operation in worker.operations and self.rng.random() < 0.6:
                self.world.go_on(worker, operation)

    def wait(self) -> None:
        self.world.clock.advance(self.rng.choice((200, 600, 1_500, 4_000, 12_000)))

    # ---- faults

    def crash(self) -> None:
        """Most die in the middle of something: between two records, before an acknowledgement, around a commit."""
        busy = [worker for worker in self.world.each() if worker.operations]
        worker = self.rng.choice(busy) if busy and self.rng.random() < 0.7 else self.someone()
        if worker is not None:
            self.world.crash(worker)

    def restart(self) -> None:
        waiting = [role for role in self.world.plan.roles if self.world.dead.get(role)]
        if waiting:
            self.world.restart(self.rng.choice(waiting))

    def freeze(self) -> None:
        worker = self.someone()
        if worker is not None and self.world.may_freeze(worker):
            self.world.freeze(worker)

    def wake(self) -> None:
        frozen = [worker for worker in self.world.each() if worker.frozen]
        if frozen:
            self.world.wake(self.rng.choice(frozen))

    def rebalance(self) -> None:
        self.world.rebalance(self.rng.choice(self.world.plan.roles))

    def ghost(self) -> None:
        if self.world.ghosts:
            self.world.land_ghost()

    def echo(self) -> None:
        self.world.echo()

    def widen(self) -> None:
        self.world.add_partition()

    def someone(self) -> Worker | None:
        there = [worker for worker in self.world.each() if not worker.frozen]
        return self.rng.choice(there) if there else None
