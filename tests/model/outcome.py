"""What the pipeline makes of a stream when nothing goes wrong: for comparing one stream with another."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from faust.types import TP

from schemas.structs import StatsRecord
from tests.model.clock import START_MS
from tests.model.events import Element
from tests.model.plans import RULES, model_settings
from tests.model.rest import catch_up
from tests.model.undisturbed import DECIDED_ON_THE_WATERMARK
from tests.model.verdict import Said, alert_story
from tests.model.world import Plan, World

CLOSERS = "closers"
"""Environment of the events that only move time on; not part of an outcome."""


@dataclass(frozen=True)
class Arrival:
    """One record of one event: when it comes to which partition."""

    at_ms: int
    partition: int
    element: Element


@dataclass(frozen=True)
class Outcome:
    """Windows by step and series, and alerts; times count from `origin_ms`."""

    windows: dict[tuple[int, str], Any]
    alerts: list[tuple[Any, ...]]


def outcome(arrivals: Iterable[Arrival], *, partitions: int = 1, origin_ms: int = START_MS) -> Outcome:
    """Run a stream through one aggregator and one evaluator."""
    world = World(random.Random(0), Plan(model_settings(idle=False, shards=1), RULES, workers=1))
    topics = world.topics
    world.broker.partitions |= {topics.operations: partitions, topics.errors: partitions}
    world.clock.now_ms = origin_ms
    with world.clock.installed():
        _move_on(world)
        for arrival in sorted(arrivals, key=lambda each: each.at_ms):
            world.clock.now_ms = arrival.at_ms
            topic = topics.errors if arrival.element.kind == "error" else topics.operations
            world.publish(TP(topic, arrival.partition % partitions), [arrival.element], whole=True)
        world.begin()
        for _ in range(2):
            world.clock.advance(100_000)
            _move_on(world)
            catch_up(world)
    return _outcome(Said(world), origin_ms)


def _move_on(world: World) -> None:
    """An event in each partition moves its watermark to now."""
    for topic in (world.topics.operations, world.topics.errors):
        for number in range(world.broker.partitions[topic]):
            kind = "error" if topic == world.topics.errors else "operation"
            closer = Element(kind, world.clock.now_ms, environment=CLOSERS)  # type: ignore[arg-type]
            world.publish(TP(topic, number), [closer], whole=True)


def _outcome(said: Said, origin_ms: int) -> Outcome:
    windows: dict[tuple[int, str], Any] = {}
    for value in said.values(said.world.topics.stats):
        found = msgspec.json.decode(value, type=StatsRecord)
        if found.environment != CLOSERS:
            series = f"{found.environment}/{found.service}/{found.operation}"
            windows[found.step_end_ms - origin_ms, series] = {
                name: msgspec.structs.replace(window, start_ms=0, end_ms=0) for name, window in found.windows.items()
            }
    mine = [replace_times(story, origin_ms) for story in alert_story(said, DECIDED_ON_THE_WATERMARK)]
    return Outcome(windows, [story for story in mine if not story[1].startswith(CLOSERS)])


def replace_times(story: tuple[Any, ...], origin_ms: int) -> tuple[Any, ...]:
    """Return a story with its times counted from the origin; the id, made from a time, is left out."""
    rule, series, episode, sequence, _, *rest, step_end_ms, reason = story
    return (rule, series, episode, sequence, *rest, step_end_ms - origin_ms, reason)


def moved(arrivals: Iterable[Arrival], by_ms: int) -> list[Arrival]:
    """Return the same stream at another time."""
    return [
        Arrival(
            each.at_ms + by_ms, each.partition, replace(each.element, timestamp_ms=each.element.timestamp_ms + by_ms)
        )
        for each in arrivals
    ]
