"""The watch on the pipeline itself, on a timeline: what is raised, what is not, and what a restart changes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pipeline.core.notices.decisions import decision_on
from pipeline.core.notices.delivery import Delivery
from pipeline.core.notices.notification import Notification
from pipeline.core.notices.self_watch import (
    LASTING_MS,
    LEFT_OVER,
    SelfWatch,
    Sighting,
    Standing,
    WatchLimits,
    firing_of,
    given_up,
)
from schemas.structs import Alert
from tests.contracts.told_records import alert
from tests.core.notice_desk import HOUR_MS, START_MS, Desk

EVERY_S = 10


class World:
    """A pipeline that is looked at every 10 s, and the notifier's desk that hears of it."""

    def __init__(self, **limits: int) -> None:
        self.limits = WatchLimits(**limits)
        self.watch = SelfWatch(self.limits)
        self.desk = Desk()
        self.made: list[Alert] = []
        self.sent: list[str] = []

    def look(self, seconds: int, **seen: Any) -> list[str]:
        """Look at the same for so long; return what was raised or ended, as `second rule part state`."""
        before = len(self.made)
        for _ in range(0, seconds, EVERY_S):
            firing = firing_of(known.alert for known in self.desk.book.alerts.values())
            for made in self.watch.look(Sighting(at_ms=self.desk.now_ms, **seen), firing):
                self.made.append(made)
                self.desk.hear(made)
            self.sent += self.desk.wait(EVERY_S)
        return [
            f"{(one.step_end_ms - START_MS) // 1_000} {one.rule} {one.service} {one.state}"
            for one in self.made[before:]
        ]

    def restart(self) -> None:
        self.watch = SelfWatch(self.limits)
        self.desk.restart()


def lagging(position: int, lag: int, part: str = "lander") -> dict[str, Any]:
    return {"standing": (Standing(part=part, place="stats-3", position=position, end=position + lag),)}


def moving(world: World, seconds: int, lag: int) -> list[str]:
    """A part that reads, and always has so much before it."""
    found = []
    for number in range(0, seconds, EVERY_S):
        found += world.look(EVERY_S, **lagging(world.desk.now_ms + number, lag))
    return found


def test_nothing_is_said_of_a_pipeline_that_is_well() -> None:
    world = World()
    assert moving(world, 3_600, 10_000) == []
    assert world.look(60, watermark_ms=world.desk.now_ms - 12_000, dead_letters=7) == []


@pytest.mark.parametrize(("lag", "raised"), [(100_000, []), (100_001, ["120 pipeline-lag lander firing"])])
def test_a_lag_is_raised_at_the_edge_once_it_has_lasted(lag: int, raised: list[str]) -> None:
    assert moving(World(), 600, lag) == raised


def test_a_lag_that_a_restart_of_a_worker_brings_is_not_told() -> None:
    world = World()
    assert moving(world, LASTING_MS // 1_000, 900_000) == []
    assert moving(world, 600, 10) == []
    assert moving(world, LASTING_MS // 1_000, 900_000) == []


def test_a_lag_is_over_when_it_is_and_people_are_told_both() -> None:
    world = World()
    moving(world, 900, 500_000)
    (over,) = moving(world, 60, 99_999)
    assert over == "900 pipeline-lag lander resolved"
    assert [line.split(":")[0] for line in world.sent] == ["firing", "resolved"]


@pytest.mark.parametrize(("lag", "raised"), [(LEFT_OVER, []), (LEFT_OVER + 1, ["310 pipeline-stuck lander firing"])])
def test_a_partition_that_stands_still_though_there_is_more_is_stuck(lag: int, raised: list[str]) -> None:
    assert World().look(600, **lagging(7, lag)) == raised


def test_the_partition_that_stands_longest_is_named() -> None:
    world = World()
    stuck = Standing(part="evaluator", place="panes-1", position=5, end=500)
    for _ in range(40):
        fine = Standing(part="evaluator", place="panes-0", position=world.desk.now_ms, end=world.desk.now_ms + 500)
        world.look(EVERY_S, standing=(fine, stuck))
    assert [one.summary for one in world.made] == [
        "pipeline-stuck: the evaluator has stood still on panes-1 for 310s though there is more to read"
    ]


@pytest.mark.parametrize(("behind_s", "raised"), [(300, []), (301, ["120 pipeline-watermark evaluator firing"])])
def test_a_watermark_that_stays_behind_is_raised_at_the_edge(behind_s: int, raised: list[str]) -> None:
    world, found = World(), list[str]()
    for _ in range(30):
        found += world.look(EVERY_S, watermark_ms=world.desk.now_ms - behind_s * 1_000)
    assert found == raised
    assert [one.severity for one in world.made] == ["critical"] * len(raised)


def test_a_pipeline_that_was_down_overnight_and_catches_up_wakes_nobody() -> None:
    world = World()
    assert world.look(LASTING_MS // 1_000, watermark_ms=START_MS - 8 * HOUR_MS) == []
    assert world.look(60, watermark_ms=world.desk.now_ms) == []


def test_dead_letters_are_counted_over_five_minutes_and_not_from_the_beginning_of_time() -> None:
    world = World()
    assert world.look(60, dead_letters=1_000_000) == []
    assert world.look(240, dead_letters=1_000_100) == []
    assert world.look(10, dead_letters=1_000_101) == ["300 pipeline-dead-letters aggregator firing"]
    assert world.look(600, dead_letters=1_000_101) == ["430 pipeline-dead-letters aggregator resolved"]


def test_a_notice_that_was_given_up_is_raised_but_not_the_one_that_says_so() -> None:
    def lost(rule: str, ended_ms: int) -> Delivery:
        told = Notification(key="k", group="g", kind="firing", severity="error", title="", alerts=(alert(rule=rule),))
        return Delivery(channel="ops", notification=told, made_ms=0).undelivered(ended_ms, "503")

    listed = [lost("error-rate", START_MS), lost("pipeline-undelivered", START_MS), lost("x", START_MS - 2 * HOUR_MS)]
    assert given_up(listed, START_MS + HOUR_MS) == 1
    assert given_up(listed, START_MS + HOUR_MS + 1) == 0
    assert World().look(EVERY_S, undelivered=1) == ["0 pipeline-undelivered notifier firing"]


def test_a_restart_neither_ends_what_fires_nor_raises_it_again() -> None:
    world = World()
    world.look(400, **lagging(7, 5_000))
    assert [one.rule for one in world.made] == ["pipeline-stuck"]
    world.restart()
    assert world.look(900, **lagging(7, 5_000)) == []
    world.restart()
    assert moving(world, 600, 500) == ["1730 pipeline-stuck lander resolved"]
    assert len(world.sent) == 2


def test_what_comes_again_is_another_alert_and_each_transition_has_its_decision() -> None:
    world = World(delay_ms=60_000)
    world.look(500, undelivered=1)
    world.look(10)
    world.look(10, undelivered=1)
    assert [one.state for one in world.made] == ["firing", "resolved", "firing"]
    first, over, second = world.made
    assert (first.alert_id, first.sequence + 1) == (over.alert_id, over.sequence)
    assert second.alert_id != first.alert_id
    decisions = [decision_on(one) for one in world.made]
    assert [(one.reason, one.notice) for one in decisions] == [
        ("BREACH", "NOTIFY_FIRST"), ("RECOVERED", "NOTIFY_RESOLVED"), ("BREACH", "NOTIFY_FIRST"),
    ]  # fmt: skip
    assert len({one.decision_id for one in decisions}) == 3


def test_an_alert_of_its_own_is_one_as_all_others_are() -> None:
    world = World()
    world.look(EVERY_S, undelivered=3)
    (made,) = world.made
    assert msgspec.json.decode(msgspec.json.encode(made), type=Alert) == made
    assert (made.series, made.rule_type, made.value, made.threshold) == ("pipeline/notifier", "pipeline", 3, 0)
