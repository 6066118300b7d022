"""The code broken on purpose in five places: the model says so in seconds, and by which check."""

from __future__ import annotations

import importlib

import pytest

from tests.faults.breakages import NAMES
from tests.model.examine import Kind, first_violation, walk_and_examine
from tests.model.plans import COUNTING, COUNTING_MOOD, RESTLESS_MOOD, WINDOWS, WINDOWS_MOOD

SEEDS = 400
"""So many are tried at most. Most breakages show in the first."""

COUNT = Kind("counting", COUNTING, COUNTING_MOOD, 0)
MOVE = Kind("counting", COUNTING, RESTLESS_MOOD, 0)
WATCH = Kind("windows", WINDOWS, WINDOWS_MOOD, 0)

CAUGHT_BY = {
    "not_held_back": (COUNT, {"held back"}),
    "commit_before_ack": (COUNT, {"held back"}),
    "adds_instead_of_replacing": (WATCH, {"closed panes", "windows"}),
    "older_version_wins": (WATCH, {"closed panes", "windows"}),
    "keeps_departed_state": (MOVE, {"never back", "snapshots"}),
}


def test_every_breakage_is_tried() -> None:
    assert set(CAUGHT_BY) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_breakage_is_caught_by_its_check(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, checks = CAUGHT_BY[name]
    with monkeypatch.context() as patch:
        importlib.import_module(f"tests.faults.breakages.{name}").break_it(patch.setattr)
        found = first_violation(kind, SEEDS)
    assert found is not None, f"{name} was not noticed in {SEEDS} seeds"
    seed, violation = found
    print(f"{name}: seed {seed}, {violation}")
    assert violation.check in checks
    walk_and_examine(seed, kind)  # and without the breakage the same seed is all right
