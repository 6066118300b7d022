"""An aggregator that was given up and goes on: what it believes to be late must not be told."""

from __future__ import annotations

import random

from faust.types import TP

from tests.model.events import Element
from tests.model.examine import quiet
from tests.model.plans import COUNTING
from tests.model.rest import EVERYTHING, catch_up, settle_down
from tests.model.verdict import Said, judge
from tests.model.watch import CommitWatch
from tests.model.workers import Worker
from tests.model.world import World

SOURCE = TP("events.operations", 0)


def read(world: World, worker: Worker) -> None:
    for tp in sorted(worker.consumer.assigned):
        world.poll(worker, tp, EVERYTHING)
    while worker.may_receive():
        world.take(worker)
    world.tick(worker)


def test_what_a_zombie_has_closed_is_not_late() -> None:
    world = World(random.Random(3), COUNTING)
    CommitWatch(world)
    with quiet(), world.clock.installed():
        world.begin()
        first_ms = world.clock.now_ms
        world.publish(SOURCE, [Element("operation", first_ms)], whole=True)
        for worker in world.each():
            read(world, worker)
        (zombie,) = (worker for worker in world.each() if SOURCE in worker.consumer.assigned)
        (heir,) = (worker for worker in world.each() if worker is not zombie)
        world.freeze(zombie)
        world.wake(zombie)
        for _ in range(30):  # it finds the partition idle, and time goes on in it alone
            world.clock.advance(2_000)
            read(world, zombie)
        world.publish(SOURCE, [Element("operation", first_ms)], whole=True)
        read(world, zombie)
        read(world, zombie)
        read(world, heir)
        settle_down(world)
        judge(world)
        assert Said(world).late == set()
        world.clock.advance(100_000)
        catch_up(world)
    judge(world)
