"""What an evaluator has found for a shard and not sent is not sent once the shard has left."""

from __future__ import annotations

import random
from dataclasses import replace

from faust.types import TP

from tests.model.events import Element
from tests.model.examine import quiet
from tests.model.plans import WINDOWS, model_settings
from tests.model.rest import EVERYTHING, catch_up
from tests.model.verdict import Said
from tests.model.world import World

PANES = TP("panes", 0)
SOURCES = (TP("events.operations", 0), TP("events.operations", 1), TP("events.errors", 0))


def move_on(world: World) -> None:
    for tp in SOURCES:
        kind = "error" if tp.topic == world.topics.errors else "operation"
        world.publish(tp, [Element(kind, world.clock.now_ms)], whole=True)  # type: ignore[arg-type]


def test_stats_of_a_shard_that_has_left_are_found_again_by_its_next_owner() -> None:
    plan = replace(WINDOWS, settings=model_settings(idle=False, shards=1), workers=1)
    world = World(random.Random(1), plan)
    with quiet(), world.clock.installed():
        world.begin()
        move_on(world)
        catch_up(world, 1)
        ((aggregator,), (evaluator,)) = world.workers.values()
        world.clock.advance(20_000)
        move_on(world)
        for tp in SOURCES:
            aggregator.consumer.poll(tp, EVERYTHING)
        while aggregator.may_receive():
            world.take(aggregator)
        world.tick(aggregator)
        world.tick(evaluator)
        evaluator.consumer.poll(PANES, EVERYTHING)
        world.take(evaluator)
        assert Said(world).values(world.topics.stats) == [], "found, and to be sent with the next tick"
        everything = evaluator.consumer.assigned
        evaluator.restore(set())
        world.tick(evaluator)
        assert Said(world).values(world.topics.stats) == []
        evaluator.restore(everything)
        catch_up(world, 1)
    assert Said(world).values(world.topics.stats) != []
