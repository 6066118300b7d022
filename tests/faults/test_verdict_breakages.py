"""The pipeline broken on purpose: the verdict says so, and by which check. The same disturbance, unbroken, passes.

The other two breakages need more: a death between two sends (`commit_before_ack`), so much to read again that a commit
comes in the middle of it (`keeps_departed_state`). The model of the broker finds both in tests/model.
"""

from __future__ import annotations

import asyncio
import random

import pytest

from faults.verdict.judge import judge
from pipeline.settings import Settings
from tests.faults.verdict_world import Workers, environment, fast, world

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(400)]

CAUGHT_BY = {
    "pipeline.cli.main": set[str](),
    "tests.faults.breakages.not_held_back": {"panes", "slots"},
    "tests.faults.breakages.adds_instead_of_replacing": {"closed_panes", "stats"},
    "tests.faults.breakages.older_version_wins": {"closed_panes", "stats"},
}
"""By module the checks that must fail; what else may fail follows from the same."""


async def come_go_and_kill(workers: Workers) -> None:
    """A second aggregator comes and goes, then the first one is killed and started again."""
    with workers.worker("aggregator", 2):
        await asyncio.sleep(10)
    await asyncio.sleep(4)
    workers.running["aggregator-1"].kill_and_restart()


@pytest.mark.parametrize("module", CAUGHT_BY)
async def test_each_breakage_is_caught(
    stack_settings: Settings, clickhouse: str, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    settings, seed = fast(stack_settings, clickhouse), random.randrange(10**6)
    print(f"SEED={seed}")
    async with world(settings, seed, events=6_000, seconds=24, module=module, disturb=come_go_and_kill) as made:
        verdict = await judge(made.run, made.watch, settle_seconds=60)
    failed = {one.name: one.differences for one in verdict.checks if not one.passed}
    print(failed)
    assert failed.keys() >= CAUGHT_BY[module], failed
    assert bool(failed) == bool(CAUGHT_BY[module])
