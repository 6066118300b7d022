"""Time that goes by while nobody runs has gone by, also for a partition whose open panes are read again."""

from __future__ import annotations

import random
from dataclasses import replace

from faust.types import TP

from pipeline.core import commit_state
from tests.model.events import Element
from tests.model.examine import quiet
from tests.model.plans import COUNTING
from tests.model.rest import catch_up
from tests.model.verdict import judge
from tests.model.world import World

SOURCE = TP("events.operations", 0)


def test_an_idle_partition_is_not_behind_after_a_restart() -> None:
    world = World(random.Random(1), replace(COUNTING, workers=1))
    with quiet(), world.clock.installed():
        world.begin()
        world.publish(SOURCE, [Element("operation", world.clock.now_ms)], whole=True)
        catch_up(world, 1)
        behind_ms = world.clock.now_ms - watermark_ms(world)
        (worker,) = world.each()
        world.crash(worker)
        world.clock.advance(25_000)  # the pane is still open
        world.restart("aggregator")
        catch_up(world)
        assert world.clock.now_ms - watermark_ms(world) <= behind_ms
        world.clock.advance(60_000)
        catch_up(world)
    judge(world)


def watermark_ms(world: World) -> int:
    state = commit_state.decode(world.broker.groups["aggregator"].committed[SOURCE].metadata)
    assert state.watermark_ms is not None
    return state.watermark_ms
