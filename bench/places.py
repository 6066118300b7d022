"""How far consumer groups have come, read from their commits; and how far topics reach."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    KafkaError,
    NotCoordinatorForGroupError,
)
from aiokafka.structs import OffsetAndMetadata

from pipeline.core import commit_state
from pipeline.core.window_config import decode_state
from pipeline.evaluator import commit
from pipeline.faust_ext.app import group_of
from pipeline.lander.kafka_clients import group_of as lander_group
from pipeline.settings import Settings
from pipeline.topics import topics_of

_NOT_YET = (GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError, GroupLoadInProgressError)
"""What a new Kafka says of groups until the first one has joined."""
_RESET_TRIES = 60


@dataclass(frozen=True, slots=True)
class Place:
    """Where one partition's owner stands: by its last commit, which is at most about a flush old."""

    owner: str
    position: int
    done: int = 0  # events counted, late or refused, at the aggregator
    uncounted: int = 0  # those of them that were late or refused
    closed_ms: int = 0  # panes up to here are closed, at the evaluator
    emitted_ms: int = 0  # steps up to here are emitted on time, at the evaluator


class Places:
    """Asks Kafka, with one admin client and one consumer that belongs to no group."""

    def __init__(self, settings: Settings, admin: Any, consumer: Any) -> None:
        self._settings = settings
        self._admin = admin
        self._consumer = consumer
        self._topics = topics_of(settings)

    async def aggregator(self) -> dict[int, Place]:
        """Return the places on `events.operations` by partition; those without commit are left out."""
        found = await self._commits("aggregator", self._topics.operations)
        states = {number: commit_state.decode(metadata) for number, metadata in found.items()}
        return {
            number: Place(
                state.owner, state.position, state.operations + state.late + state.dead, state.late + state.dead
            )
            for number, state in states.items()
        }

    async def evaluator(self) -> dict[int, Place]:
        """Return the places on `panes` by partition; those without commit are left out."""
        found = await self._commits("evaluator", self._topics.panes)
        return {number: _evaluator_place(commit.decode(metadata)) for number, metadata in found.items()}

    async def lander(self) -> dict[int, int]:
        """Return what is committed as landed of `events.operations` by partition; those without commit are left out."""
        found = await self._offsets(lander_group(self._settings))
        return {tp.partition: place.offset for tp, place in found.items() if tp.topic == self._topics.operations}

    async def ends(self, topic: str) -> dict[int, int]:
        """Return the end offset of each partition of a topic."""
        parts = [TopicPartition(topic, number) for number in range(self._settings.partitions)]
        found = await self._consumer.end_offsets(parts)
        return {part.partition: end for part, end in found.items()}

    async def _commits(self, role: str, topic: str) -> dict[int, str]:
        found = await self._offsets(group_of(self._settings, role))
        return {tp.partition: place.metadata for tp, place in found.items() if tp.topic == topic and place.metadata}

    async def _offsets(self, group: str) -> dict[TopicPartition, OffsetAndMetadata]:
        try:
            return dict(await self._admin.list_consumer_group_offsets(group))
        except _NOT_YET:
            return {}


def _evaluator_place(state: commit.EvaluatorCommit) -> Place:
    windows = decode_state(state.engine)
    return Place(state.owner, state.position, closed_ms=windows.frontier_ms or 0, emitted_ms=windows.emitted_ms or 0)


@asynccontextmanager
async def places(settings: Settings) -> AsyncIterator[Places]:
    """Give what asks for places."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka, enable_auto_commit=False)
    await admin.start()
    await consumer.start()
    try:
        yield Places(settings, admin, consumer)
    finally:
        await consumer.stop()
        await admin.close()


async def read_again(settings: Settings, role: str) -> None:
    """Let a worker that has left begin again at the first event, as if it had never run."""
    parts = [TopicPartition(topic, n) for topic in topics_of(settings).events() for n in range(settings.partitions)]
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka, group_id=group_of(settings, role), enable_auto_commit=False
    )
    await consumer.start()
    try:
        consumer.assign(parts)
        for left in reversed(range(_RESET_TRIES)):
            try:
                await consumer.commit(dict.fromkeys(parts, OffsetAndMetadata(0, "")))
            except KafkaError:  # the group still has its old member
                if not left:
                    raise
                await asyncio.sleep(0.5)
            else:
                return
    finally:
        await consumer.stop()
