"""The same world under hypothesis, which looks for the shortest way to break it."""

from __future__ import annotations

import random
from contextlib import ExitStack
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.model.examine import examine, quiet
from tests.model.plans import WINDOWS, model_settings
from tests.model.rest import settle_down
from tests.model.schedule import Mood, Walk
from tests.model.watch import CommitWatch
from tests.model.world import World

DICE = st.integers(0, 2**16)
"""Each step has dice of its own: what hypothesis leaves out changes nothing in the others."""


class Pipeline(RuleBasedStateMachine):
    """Steps of `Walk`, chosen by hypothesis; checks at every commit and at the end."""

    walk: Walk

    def __init__(self) -> None:
        super().__init__()
        self.around = ExitStack()

    @initialize(dice=DICE, orderly=st.booleans(), idle=st.booleans(), workers=st.integers(1, 3))
    def begin(self, dice: int, workers: int, *, orderly: bool, idle: bool) -> None:
        config = model_settings(idle=idle and not orderly)
        plan = replace(WINDOWS, settings=config, workers=workers, pause_ratio=0.1, failure_ratio=0.005, echoes=1)
        world = World(random.Random(dice), plan, orderly=orderly)
        CommitWatch(world)
        self.around.enter_context(quiet())
        self.around.enter_context(world.clock.installed())
        self.walk = Walk(world, Mood(orderly=orderly))
        world.begin()
        self.walk.prime()
        world.chance.calm = False

    def take_step(self, name: str, dice: int) -> None:
        self.walk.rng.seed(dice)
        getattr(self.walk, name)()

    @rule(name=st.sampled_from(["publish", "publish", "publish", "poison", "duplicate"]), dice=DICE)
    def produce(self, name: str, dice: int) -> None:
        self.take_step(name, dice)

    @rule(name=st.sampled_from(["poll", "take", "tick", "work", "go_on", "wait"]), dice=DICE)
    def work(self, name: str, dice: int) -> None:
        self.take_step(name, dice)

    @rule(name=st.sampled_from(["crash", "restart", "freeze", "wake", "rebalance", "ghost", "echo"]), dice=DICE)
    def suffer(self, name: str, dice: int) -> None:
        self.take_step(name, dice)

    def teardown(self) -> None:
        try:
            if hasattr(self, "walk"):
                settle_down(self.walk.world)
                self.walk.close()
                examine(self.walk.world)
        finally:
            self.around.close()


TestPipeline = Pipeline.TestCase
TestPipeline.settings = settings(max_examples=10, stateful_step_count=30, deadline=None)
