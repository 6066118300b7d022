"""How a run comes to rest: everybody reads to the end, and time goes on. Roughly or calmly."""

from __future__ import annotations

from tests.model.workers import Worker
from tests.model.world import NEVER_IDLE_MS, Role, World

LOOK_MS = 2_600
"""Between two looks at idle partitions; they come more often than the idle time, as a worker's do."""

EVERYTHING = 10**6
DEATH_RATIO = 0.3
"""How likely a worker dies at a place where it was held up, while things are rough."""


def settle_down(world: World) -> None:
    """No more zombies and ghosts: everybody is there and has joined, and reads on."""
    world.chance.calm = True
    for worker in world.each():
        worker.frozen = False
    for role in world.plan.roles:
        _restart_dead(world, role)
        world.rebalance(role)
    while world.ghosts:
        world.land_ghost()
    catch_up(world, 1)


def rounds_of(world: World) -> int:
    """So often everybody ticks until partitions are found idle, panes closed, and nothing is left to say."""
    if world.plan.settings.idle_after_ms < NEVER_IDLE_MS:
        return 4
    return 3 if "evaluator" in world.plan.roles else 2


def catch_up(world: World, rounds: int | None = None) -> None:
    """Everybody reads to the end and ticks. Who is held up goes on, or dies there and is started again."""
    for _ in range(rounds_of(world) if rounds is None else rounds):
        for role in world.plan.roles:
            for worker in list(world.workers[role]):
                _read_all(world, worker)
                if worker.may_work():
                    world.tick(worker)
                _see_through(world, worker)
            for _ in range(world.plan.echoes):
                world.echo()
            _restart_dead(world, role)
        world.clock.advance(LOOK_MS)


def _read_all(world: World, worker: Worker) -> None:
    _see_through(world, worker)
    for tp in sorted(worker.consumer.assigned):
        world.poll(worker, tp, EVERYTHING)
    while worker.may_receive():
        world.take(worker)
        _see_through(world, worker)


def _see_through(world: World, worker: Worker) -> None:
    while worker.operations:
        if not world.chance.calm and world.rng.random() < DEATH_RATIO:
            world.crash(worker)
        else:
            world.go_on(worker, worker.operations[0])


def _restart_dead(world: World, role: Role) -> None:
    while world.dead.get(role):
        world.restart(role)
        for worker in list(world.workers[role]):
            _see_through(world, worker)
