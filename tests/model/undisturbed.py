"""The same logs, read once from end to end by one worker of each kind to whom nothing happens."""

from __future__ import annotations

import random
from dataclasses import replace

from pipeline.core import commit_state
from pipeline.core.records import Snapshot
from tests.model.rest import catch_up
from tests.model.verdict import Said, alert_story, long_emitted_everywhere_ms
from tests.model.watch import require
from tests.model.world import World

DECIDED_ON_THE_WATERMARK = ("errors", "slow", "silent")


def undisturbed(world: World) -> World:
    """Return a world with the same ``events.*``, at rest. Only where no partition is ever idle is it comparable."""
    plan = replace(world.plan, workers=1, pause_ratio=0.0, failure_ratio=0.0, echoes=0)
    other = World(random.Random(0), plan, truth=world.truth)
    other.clock.now_ms = world.clock.now_ms
    for tp, log in world.broker.logs.items():
        if tp.topic in world.topics.events():
            other.broker.logs[tp] = log
            other.broker.partitions[tp.topic] = world.broker.partitions[tp.topic]
    with other.clock.installed():
        other.begin()
        catch_up(other)
    return other


def compare(said: Said, *, orderly: bool) -> None:
    """Require the same bytes of closed panes and the same counters; of orderly traffic the same alerts too."""
    other = Said(undisturbed(said.world))
    require("same as undisturbed", "final snapshots", holds=_finals(said) == _finals(other))
    require("same as undisturbed", "late events", holds=said.late == other.late)
    progress, wanted = _progress(said.world), _progress(other.world)
    require("same as undisturbed", f"progress {progress}, alone {wanted}", holds=progress == wanted)
    if orderly and "evaluator" in said.world.plan.roles:
        found, expected = (alert_story(each, DECIDED_ON_THE_WATERMARK) for each in (said, other))
        require("same alerts", f"only here or only alone: {set(found) ^ set(expected)}", holds=found == expected)
        # Up to where long panes are closed is a matter of when somebody looked.
        through_ms = min(long_emitted_everywhere_ms(each.world) for each in (said, other))
        found, expected = (alert_story(each, ("long",), through_ms) for each in (said, other))
        require("same long alerts", f"only here or only alone: {set(found) ^ set(expected)}", holds=found == expected)


def _finals(said: Said) -> dict[tuple[str, int, int, int], Snapshot]:
    return {key: each for key, each in said.newest().items() if each.final}


def _progress(world: World) -> dict[str, object]:
    group = world.broker.groups["aggregator"]
    return {
        f"{tp.topic}-{tp.partition}": (found.offset, commit_state.decode(found.metadata).progress())
        for tp, found in group.committed.items()
    }
