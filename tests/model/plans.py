"""The kinds of walks, and how a seed becomes one."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache

from pipeline.core.rules import Absence, CriticalError, ErrorRate, ResponseTime, Rule, Threshold
from pipeline.settings import Settings
from tests.model.schedule import Mood, Walk
from tests.model.watch import CommitWatch
from tests.model.world import NEVER_IDLE_MS, Plan, World

CALM = (
    ("publish", 30.0),
    ("poll", 12.0),
    ("take", 12.0),
    ("tick", 8.0),
    ("work", 8.0),
    ("wait", 12.0),
    ("go_on", 12.0),
    ("quiet", 3.0),
)
DISORDER = (("poison", 3.0), ("sample", 1.0), ("duplicate", 2.0))
FAULTS = (
    ("crash", 2.0),
    ("restart", 4.0),
    ("freeze", 1.0),
    ("wake", 2.0),
    ("rebalance", 2.0),
    ("ghost", 1.0),
    ("echo", 2.0),
)

RULES = (
    Rule(
        name="errors",
        condition=ErrorRate(),
        thresholds=(Threshold("warning", 0.2), Threshold("critical", 0.6)),
        window="30s",
        min_samples=2,
        cooldown_ms=20_000,
        on_time=True,
        keep_firing_ms=10_000,  # with the window shorter than the longest: beyond that, steps are jumped over
        recovery=(Threshold("critical", 0.4),),
    ),
    Rule(
        name="slow",
        condition=ResponseTime(statistic="max"),
        thresholds=(Threshold("warning", 800_000),),
        window="1m",
        group_by="service",
        for_ms=20_000,
        min_samples=1,
        on_time=True,
    ),
    Rule(
        name="early",
        condition=ErrorRate(),
        thresholds=(Threshold("warning", 0.4),),
        window="30s",
        min_samples=1,
        cooldown_ms=0,
        keep_firing_ms=20_000,
        recovery=(Threshold("warning", 0.2),),
    ),
    Rule(
        name="long",
        condition=ErrorRate(),
        thresholds=(Threshold("warning", 0.2), Threshold("critical", 0.5)),
        window="4m",
        min_samples=2,
        cooldown_ms=0,
    ),
    Rule(name="critical", condition=CriticalError(hold_ms=70_000), thresholds=(Threshold("critical", 1),)),
    Rule(name="silent", condition=Absence(), thresholds=(Threshold("warning", 40_000),), cooldown_ms=0),
    Rule(name="gone", condition=Absence(), thresholds=(Threshold("warning", 100_000),)),
)

BYSTANDERS: tuple[tuple[Rule, ...], ...] = (
    (),
    (
        Rule(
            name="bystander",
            condition=ErrorRate(),
            thresholds=(Threshold("warning", 0.3),),
            window="30s",
            min_samples=1,
            for_ms=10_000,
        ),
    ),
    (
        Rule(
            name="bystander",
            condition=ErrorRate(),
            thresholds=(Threshold("info", 0.1), Threshold("critical", 0.5)),
            window="1m",
            min_samples=1,
            keep_firing_ms=20_000,
            cooldown_ms=0,
        ),
    ),
    (
        Rule(
            name="bystander",
            condition=ResponseTime(statistic="max"),
            thresholds=(Threshold("warning", 500_000),),
            window="30s",
            min_samples=1,
        ),
    ),
    (Rule(name="bystander", condition=CriticalError(hold_ms=30_000), thresholds=(Threshold("critical", 1),)),),
)
"""What one name may become while everything runs: nothing, other thresholds, another type."""


@cache
def model_settings(*, idle: bool, shards: int = 2) -> Settings:
    """Settings of a small pipeline with the pipeline's own times, but for windows."""
    return Settings(
        partitions=shards,
        windows=("30s", "1m"),
        long_windows=("2m", "4m"),
        long_pane_seconds=60,
        idle_after_ms=5_000 if idle else NEVER_IDLE_MS,
        start_grace_ms=5_000 if idle else 0,
        stuck_seconds=10**6,
    )


COUNTING = Plan(model_settings(idle=True, shards=1), roles=("aggregator",))
WINDOWS = Plan(model_settings(idle=True), RULES)

COUNTING_MOOD = Mood(80, weights=(*CALM, *DISORDER, *FAULTS, ("widen", 0.5)))
RESTLESS_MOOD = Mood(80, weights=(*CALM, ("rebalance", 8.0), ("freeze", 1.0), ("wake", 2.0)))
WINDOWS_MOOD = Mood(120, weights=(*CALM, *DISORDER, *FAULTS))

CHANGES = Plan(model_settings(idle=True), RULES, bystanders=BYSTANDERS)
CHANGES_MOOD = Mood(120, weights=(*CALM, *DISORDER, *FAULTS, ("change", 8.0)))


def walk(seed: int, plan: Plan, mood: Mood) -> World:
    """Walk once. Some seeds are orderly and without idle partitions: their results can be foretold to the byte."""
    rng = random.Random(seed)
    orderly = rng.random() < 0.4
    config = model_settings(idle=not orderly and rng.random() < 0.6, shards=plan.settings.partitions)
    plan = replace(
        plan,
        settings=config,
        workers=rng.choice((1, 2, 2, 3)),
        pause_ratio=rng.choice((0.0, 0.05, 0.3)),
        failure_ratio=rng.choice((0.0, 0.0, 0.01)),
        echoes=rng.choice((0, 3)),
    )
    world = World(rng, plan)
    world.orderly = orderly
    CommitWatch(world)
    with world.clock.installed():
        return Walk(world, replace(mood, orderly=orderly).swarmed(rng)).run()
