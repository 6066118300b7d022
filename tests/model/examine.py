"""Walks from seeds, each checked; a seed that fails says how to run it again."""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.model.plans import walk
from tests.model.schedule import Mood
from tests.model.undisturbed import compare
from tests.model.verdict import judge
from tests.model.watch import InvariantError
from tests.model.world import NEVER_IDLE_MS, Plan, World

AT_LEAST = 5
"""Seeds that are tried however slow the machine is."""


@dataclass(frozen=True)
class Kind:
    """A kind of walk; `name` is the test's keyword."""

    name: str
    plan: Plan
    mood: Mood
    seconds: float  # spent on it, unless MODEL_SECONDS says otherwise


def examine(world: World) -> None:
    """Check a world at rest; raises InvariantError."""
    said = judge(world)
    if world.plan.settings.idle_after_ms >= NEVER_IDLE_MS:
        compare(said, orderly=world.orderly)


def walk_and_examine(seed: int, kind: Kind) -> None:
    """Walk once and check; raises InvariantError with the way to see it again."""
    with quiet():
        try:
            examine(walk(seed, kind.plan, kind.mood))
        except Exception as error:
            error.add_note(f"Again: MODEL_SEED={seed} pytest tests/model -k {kind.name}")
            raise


def explore(kind: Kind) -> int:
    """Walk from many seeds, or from MODEL_SEED alone; return how many there were."""
    given = os.environ.get("MODEL_SEED")
    if given is not None:
        walk_and_examine(int(given), kind)
        return 1
    seconds = float(os.environ.get("MODEL_SECONDS") or kind.seconds)
    first, count, until = random.randrange(10**9), 0, time.monotonic() + seconds
    while count < AT_LEAST or time.monotonic() < until:
        walk_and_examine(first + count, kind)
        count += 1
    print(f"{kind.name}: {count} seeds from {first} on")
    return count


def first_violation(kind: Kind, seeds: int) -> tuple[int, InvariantError] | None:
    """Return the first of so many seeds at which a check fails, and how."""
    for seed in range(seeds):
        try:
            walk_and_examine(seed, kind)
        except InvariantError as violation:
            return seed, violation
    return None


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what workers log about faults to themselves; it costs more than the faults."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
