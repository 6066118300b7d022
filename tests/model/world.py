"""A whole pipeline without servers: broker, groups, workers, and everything that can happen to them."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from faust.types import TP

from pipeline.core.alert_rules import compile_rules
from pipeline.core.rules import Rule
from pipeline.errors import FatalError
from pipeline.evaluator.rule_source import FixedRules
from pipeline.kept_windows import kept_windows
from pipeline.settings import Settings
from pipeline.topics import specs, topics_of
from tests.model.broker import Broker
from tests.model.client import Flight
from tests.model.clock import ModelClock
from tests.model.events import Element, Published, Truth, encode
from tests.model.operation import Operation, Place, ProduceError
from tests.model.workers import AggregatorWorker, EvaluatorWorker, Worker

Role = Literal["aggregator", "evaluator"]
SESSION_MS = 10_000
"""After this long without a heartbeat a group gives a member's partitions to others."""

NEVER_IDLE_MS = 10**12
"""Setting of a pipeline in which watermarks move by events alone."""


@dataclass(frozen=True)
class Plan:
    """What a run is like. Ratios are chances: of a pause at each place where there may be one, of a failed produce."""

    settings: Settings
    rules: Sequence[Rule] = ()
    roles: tuple[Role, ...] = ("aggregator", "evaluator")
    workers: int = 2
    pause_ratio: float = 0.0
    failure_ratio: float = 0.0
    echoes: int = 0  # old records that come again each time that everybody catches up
    bystanders: Sequence[Sequence[Rule]] = ((),)  # one of these is in force beside `rules`; `change` takes another


@dataclass
class Chance:
    """What happens to one worker's calls, as the schedule's dice say. `calm`: nothing does."""

    rng: random.Random
    plan: Plan
    calm: bool = True

    def pauses(self, place: Place) -> bool:
        del place
        return not self.calm and self.rng.random() < self.plan.pause_ratio

    def fails(self) -> bool:
        return not self.calm and self.rng.random() < self.plan.failure_ratio

    def cut(self, length: int) -> int:
        return self.rng.randint(0, length)


@dataclass
class World:
    """Time, broker, workers. Every method is something that can happen; `rng` decides what is left open."""

    rng: random.Random
    plan: Plan
    clock: ModelClock = field(default_factory=ModelClock)
    truth: Truth = field(default_factory=Truth)
    ghosts: list[Flight] = field(default_factory=list)  # sent by workers that have died since, and not arrived yet
    dead: dict[Role, list[Worker]] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)  # errors that no fault explains
    orderly: bool = False  # events come less out of order than is waited for

    def __post_init__(self) -> None:
        self.topics = topics_of(self.plan.settings)
        self.broker = Broker(self.clock)
        for spec in specs(self.plan.settings):
            self.broker.make(spec.name, spec.partitions)
        # Fewer sources make a faster world; what two of a topic do, more do.
        self.broker.partitions |= {self.topics.operations: 2, self.topics.errors: 1, self.topics.samples: 1}
        self.chance = Chance(self.rng, self.plan)
        self.rule_source = FixedRules(self.plan.rules, kept_windows(self.plan.settings))
        self.workers: dict[Role, list[Worker]] = {role: [] for role in self.plan.roles}
        self._born = self._sent = 0

    def begin(self) -> None:
        """Start every worker."""
        for role in self.plan.roles:
            self.workers[role] = [self._new(role) for _ in range(self.plan.workers)]
            self.rebalance(role)

    # ---- producers

    def publish(self, tp: TP, elements: Sequence[Element], *, whole: bool, hole: int = 0) -> Published:
        """A producer's record arrives, after a hole in the offsets (as markers of transactions leave)."""
        self._sent += 1
        self.broker.logs[tp].end += hole
        stored = self.broker.append(tp, None, encode(elements, f"e{self._sent}", whole=whole))
        record = Published(tp, stored.offset, stored.timestamp, stored.value or b"", tuple(elements), whole)
        self.truth.add(record)
        return record

    def change_rules(self) -> None:
        """Somebody changes rules; an evaluator goes by it from its next tick on."""
        rules = (*self.plan.rules, *self.rng.choice(self.plan.bystanders))
        self.rule_source.compiled = compile_rules(rules, kept_windows(self.plan.settings))

    def add_partition(self) -> None:
        """An operator adds a partition to ``events.operations``; the group notices."""
        self.broker.partitions[self.topics.operations] += 1
        self.rebalance("aggregator")

    # ---- workers at work

    def each(self) -> Iterator[Worker]:
        """Yield the workers that are there, frozen ones too."""
        for workers in self.workers.values():
            yield from list(workers)

    def poll(self, worker: Worker, tp: TP, at_most: int, *, skipped: bool = False) -> None:
        worker.consumer.poll(tp, at_most, skipped=skipped)

    def take(self, worker: Worker) -> None:
        """The agent takes the next batch."""
        self._guarded(worker, worker.receive)

    def tick(self, worker: Worker) -> None:
        self._guarded(worker, worker.tick)

    def go_on(self, worker: Worker, operation: Operation) -> None:
        """Something that was held up goes on."""
        self._guarded(worker, lambda: worker.go_on(operation))

    # ---- what goes wrong

    def crash(self, worker: Worker) -> None:
        """kill -9: what is on its way to the broker arrives later, or never."""
        flights = worker.die()
        if self.rng.random() < 0.5:
            self.ghosts += flights
        role = self._role(worker)
        self.workers[role].remove(worker)
        self.dead.setdefault(role, []).append(worker)

    def restart(self, role: Role) -> None:
        """A supervisor starts a dead worker again: in place while the group has not noticed, else it joins anew."""
        gone = self.dead[role].pop()
        worker = self._new(role)
        self.workers[role].append(worker)
        group = worker.group
        if gone.consumer.generation == group.generation and self.rng.random() < 0.5:
            group.members = (group.members - {gone.member}) | {worker.member}
            self._guarded(worker, lambda: worker.restore(gone.consumer.assigned))
        else:
            self.rebalance(role)

    def land_ghost(self) -> None:
        flight = self.ghosts.pop(self.rng.randrange(len(self.ghosts)))
        with contextlib.suppress(ProduceError):
            flight.land(self.broker)

    def echo(self) -> None:
        """A record of `panes` comes once more: a zombie's, or a retry's."""
        tp = TP(self.topics.panes, self.rng.randrange(self.plan.settings.partitions))
        records = self.broker.logs[tp].records[-60:]
        if records:
            again = self.rng.choice(records)
            self.broker.append(tp, again.key, again.value)

    def freeze(self, worker: Worker) -> None:
        """SIGSTOP for longer than the session: the others share what it had."""
        worker.frozen = True
        self.clock.advance(SESSION_MS)
        self.rebalance(self._role(worker))

    def may_freeze(self, worker: Worker) -> bool:
        """Whether a worker may be stopped here: wherever it stands, as long as another goes on."""
        others = [other for other in self.workers[self._role(worker)] if not other.frozen and other is not worker]
        return bool(others) and not worker.frozen

    def wake(self, worker: Worker) -> None:
        """SIGCONT: it believes that it owns what it did, until it joins again (`rebalance`)."""
        worker.frozen = False

    def rebalance(self, role: Role) -> None:
        """All that can be reached let go, and share the partitions anew."""
        for worker in self._reachable(role):
            self._guarded(worker, worker.finish)
            if worker in self.workers[role] and worker.ready and self.rng.random() < 0.9:
                self._guarded(worker, worker.release)
                self._guarded(worker, worker.finish)
        live = self._reachable(role)
        group = self.broker.groups[role]
        group.generation += 1
        group.members = {worker.member for worker in live}
        for worker, share in zip(live, self._shares(role, live), strict=True):
            self._guarded(worker, lambda worker=worker, share=share: worker.restore(share))  # type: ignore[misc]

    # ---- around

    def _new(self, role: Role) -> Worker:
        self._born += 1
        member = f"{role[0]}{self._born}"
        if role == "aggregator":
            return AggregatorWorker(self.broker, self.plan.settings, member, self.chance)
        return EvaluatorWorker(self.broker, self.plan.settings, member, self.chance, self.rule_source)

    @staticmethod
    def _role(worker: Worker) -> Role:
        return "aggregator" if worker.role == "aggregator" else "evaluator"

    def _reachable(self, role: Role) -> list[Worker]:
        return [worker for worker in self.workers[role] if not worker.frozen]

    def _shares(self, role: Role, live: list[Worker]) -> list[set[TP]]:
        """Deal the partitions out; most stay where they are."""
        shares: list[set[TP]] = [set() for _ in live]
        for unit in self._units(role):
            stays = [place for place, worker in enumerate(live) if unit[0] in worker.consumer.assigned]
            place = stays[0] if stays and self.rng.random() < 0.6 else self.rng.randrange(len(live)) if live else None
            if place is not None:
                shares[place].update(unit)
        return shares

    def _units(self, role: Role) -> list[tuple[TP, ...]]:
        topics = self.topics
        if role == "evaluator":
            return [(TP(topics.panes, n), TP(topics.signals, n)) for n in range(self.plan.settings.partitions)]
        return [(TP(topic, n),) for topic in topics.events() for n in range(self.broker.partitions[topic])]

    def _guarded(self, worker: Worker, act: Callable[[], None]) -> None:
        """Do something with a worker that a failure ends, as it ends the process."""
        if worker not in self.workers[self._role(worker)]:
            return
        try:
            act()
        except ProduceError:
            self.crash(worker)
        except FatalError as error:
            if "was given to another" not in str(error):
                self.broken.append(f"{worker.member}: {error}")
            self.crash(worker)
