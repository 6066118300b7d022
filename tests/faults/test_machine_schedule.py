"""The fault machine's schedule and storms: pure functions of the seed."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from faults.actions.registry import ACTIONS
from faults.schedule import (
    CALM_SECONDS,
    NO_STORM_SECONDS,
    SPECS,
    Step,
    load_seconds,
    schedule,
    storms,
    unknown,
)

CREW = {"aggregator": 3, "evaluator": 2, "lander": 1}
SEEDS = range(60)


def overlap(left: Step, right: Step) -> bool:
    return left.at_s < right.end_s and right.at_s < left.end_s


def touched(step: Step) -> set[str]:
    spec = next(spec for spec in SPECS if spec.name == step.name)
    roles = [role for role in spec.touches if role in CREW]
    workers = {f"{role}-{number + 1}" for role in roles for number in range(CREW[role])}
    return workers | set(spec.touches) if spec.touches else {step.target}


def test_the_same_seed_gives_the_same_faults_and_another_seed_gives_others() -> None:
    assert schedule(7, 10, CREW) == schedule(7, 10, CREW)
    assert storms(7, 500) == storms(7, 500)
    assert len({schedule(seed, 10, CREW) for seed in SEEDS}) == len(SEEDS)


def test_ten_minutes_have_every_fault_of_every_role() -> None:
    for seed in SEEDS:
        steps, left = schedule(seed, 10, CREW)
        assert left == (), f"seed {seed}"
        for spec in SPECS:
            targets = {step.target.rpartition("-")[0] for step in steps if step.name == spec.name}
            assert targets >= set(spec.roles) if spec.roles else targets, f"seed {seed}: {spec.name}"


def test_what_has_no_time_is_told() -> None:
    steps, left = schedule(3, 3, CREW)
    every = sum(len(spec.roles or ("",)) for spec in SPECS)
    assert 0 < len(steps) < every
    assert len(steps) + len(left) == every


@pytest.mark.parametrize("minutes", [2.5, 5, 10, 30])
def test_no_two_faults_touch_the_same_at_once_and_none_disturbs_the_end(minutes: float) -> None:
    for seed in SEEDS:
        steps, _ = schedule(seed, minutes, CREW)
        assert all(step.end_s <= load_seconds(minutes) - CALM_SECONDS for step in steps)
        assert [step.at_s for step in steps] == sorted(step.at_s for step in steps)
        clashes = [
            (left, right)
            for number, left in enumerate(steps)
            for right in steps[number + 1 :]
            if overlap(left, right) and touched(left) & touched(right)
        ]
        assert clashes == [], f"seed {seed}"


def test_some_faults_come_at_once() -> None:
    pairs = [pair for seed in SEEDS for pair in pairwise(schedule(seed, 10, CREW)[0])]
    assert sum(overlap(*pair) for pair in pairs) > len(pairs) / 20


def test_names_leave_the_others_out_and_long_runs_repeat_what_may_be_repeated() -> None:
    steps, left = schedule(1, 30, CREW, ["kill", "more_partitions"])
    found = Counter(step.name for step in steps)
    assert left == ()
    assert set(found) == {"kill", "more_partitions"}
    assert found["kill"] > 10
    assert found["more_partitions"] == 2


def test_storms_are_over_long_before_the_load_is() -> None:
    for seed in SEEDS:
        found = storms(seed, 525)
        assert len(found) >= 2, f"seed {seed}"
        assert all(begin_s < end_s <= 525 - NO_STORM_SECONDS for begin_s, end_s in found)


def test_every_fault_of_the_schedule_can_be_done() -> None:
    assert {spec.name for spec in SPECS} == set(ACTIONS)


def test_a_fault_can_be_asked_for_of_one_role() -> None:
    for seed in SEEDS:
        steps, left = schedule(seed, 3.2, CREW, ["kill", "kill_kafka", "clickhouse_lies", "zombie:evaluator"])
        assert left == (), f"seed {seed}"
        assert {step.target for step in steps if step.name == "zombie"} <= {"evaluator-1", "evaluator-2"}
        assert {step.target.rpartition("-")[0] for step in steps if step.name == "kill"} == set(CREW)
    assert unknown(["kill", "kill:lander", "come_and_go:lander", "nothing"]) == ["come_and_go:lander", "nothing"]
