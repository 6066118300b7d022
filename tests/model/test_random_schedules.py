"""Random schedules of everything that can happen to a pipeline, thousands of them, each checked from end to end.

`MODEL_SEED=123 pytest tests/model -k counting` walks one seed again; `MODEL_SECONDS=600` explores for longer.
"""

from __future__ import annotations

import os

import pytest

from tests.model.examine import Kind, explore, walk_and_examine
from tests.model.plans import CHANGES, CHANGES_MOOD, COUNTING, COUNTING_MOOD, WINDOWS, WINDOWS_MOOD

KINDS = [
    Kind("counting", COUNTING, COUNTING_MOOD, 6),
    Kind("windows", WINDOWS, WINDOWS_MOOD, 7),
    Kind("changes", CHANGES, CHANGES_MOOD, 6),
]
LIMIT_SECONDS = 60 + 2 * float(os.environ.get("MODEL_SECONDS", "60"))


@pytest.mark.timeout(LIMIT_SECONDS)
@pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
def test_whatever_happens_everything_is_counted_once_and_said_once(kind: Kind) -> None:
    assert explore(kind) >= 1


@pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
def test_a_seed_replays(kind: Kind) -> None:
    walk_and_examine(17, kind)
