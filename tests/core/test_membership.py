"""Names of static members: the same as long as a worker reads the same topics with the same partitions."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.cluster import ClusterMetadata
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import SubscriptionState

from pipeline.membership import instance_id, watch_partitions


def test_a_worker_that_comes_back_has_the_name_it_had_whatever_the_order_of_its_topics() -> None:
    assert instance_id("pod-3", {"panes": 8, "signals": 8}) == instance_id("pod-3", {"signals": 8, "panes": 8})


def test_a_release_that_reads_other_topics_is_another_member() -> None:
    read = ({"panes": 8}, {"panes": 8, "signals": 8}, {"panes": 8, "late": 8})
    assert len({instance_id("pod-3", topics) for topics in read}) == 3


def test_a_worker_that_finds_more_partitions_is_another_member() -> None:
    assert instance_id("pod-3", {"panes": 8}) != instance_id("pod-3", {"panes": 9})


def test_workers_are_told_apart_and_one_without_an_id_is_no_static_member() -> None:
    assert instance_id("pod-3", {"panes": 8}) != instance_id("pod-4", {"panes": 8})
    assert instance_id("", {"panes": 8}) is None


class Joined(GroupCoordinator):  # type: ignore[misc]  # aiokafka is untyped
    """What a coordinator does with metadata, without a Kafka; `rejoins` counts its wishes to join again."""

    def __init__(self, subscription: Any, partitions: int) -> None:
        self._subscription = subscription
        self._cluster = ClusterMetadata(metadata_max_age_ms=1_000)
        self._group_subscription: set[str] | None = None
        self._metadata_snapshot: dict[str, int] = {}
        self._performed = False
        self.rejoins = 0
        self.has(partitions)

    def has(self, partitions: int) -> None:
        self._cluster._partitions = {"events": dict.fromkeys(range(partitions))}
        self._handle_metadata_update(self._cluster)

    def request_rejoin(self) -> None:
        self.rejoins += 1


def subscribed() -> Any:
    """Return what is asked of a consumer that reads `events`."""
    subscription = SubscriptionState()
    subscription.subscribe({"events"})
    return SimpleNamespace(_subscription=subscription)


@pytest.fixture
async def consumer(monkeypatch: pytest.MonkeyPatch) -> Any:
    async def complete(*_: Any) -> None:
        pass

    monkeypatch.setattr(GroupCoordinator, "_on_join_complete", complete)  # what it does needs a Kafka
    return subscribed()


async def joined(consumer: Any, partitions: int) -> Joined:
    """Return a member that was named after 4 partitions and finds so many once it has joined."""
    watch_partitions(consumer, {"events": 4})
    member = Joined(consumer._subscription, partitions)
    await member._on_join_complete(1, "m", "p", b"")
    return member


async def test_a_member_that_did_not_assign_joins_again_when_there_are_more_partitions(consumer: Any) -> None:
    member = await joined(consumer, 4)
    member.has(4)
    assert member.rejoins == 0
    member.has(5)
    member.has(5)
    assert member.rejoins == 1


async def test_partitions_that_came_between_the_name_and_the_join_are_noticed(consumer: Any) -> None:
    member = await joined(consumer, 5)
    member.has(5)
    assert member.rejoins == 1


async def test_a_member_that_assigned_itself_and_one_that_nobody_asked_for_are_left_alone(consumer: Any) -> None:
    watch_partitions(consumer, {"events": 4})
    leader = Joined(consumer._subscription, 4)
    leader._group_subscription, leader._metadata_snapshot = {"events", "more"}, {"events": 4, "more": 2}
    await leader._on_join_complete(1, "m", "p", b"")
    assert (leader._group_subscription, leader._metadata_snapshot) == ({"events", "more"}, {"events": 4, "more": 2})
    member = Joined(subscribed()._subscription, 4)
    await member._on_join_complete(1, "m", "p", b"")
    member.has(5)
    assert member.rejoins == 0
