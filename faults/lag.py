"""How far the workers are behind, by the commits of their groups; for people who watch."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from pipeline.core import commit_state
from pipeline.errors import PipelineError
from pipeline.evaluator import commit
from pipeline.faust_ext.app import group_of
from pipeline.lander import kafka_clients
from pipeline.settings import Settings
from pipeline.topics import topics_of

_LIMIT_SECONDS = 15.0
_STOP_SECONDS = 3.0


async def lag(settings: Settings) -> dict[str, int] | None:
    """Return role → records between its groups' positions and the ends of their topics; None: Kafka does not say."""
    try:
        async with asyncio.timeout(_LIMIT_SECONDS):
            return await _lag(settings)
    except (KafkaError, OSError, TimeoutError, PipelineError, msgspec.MsgspecError):
        return None


async def _lag(settings: Settings) -> dict[str, int]:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka, enable_auto_commit=False)
    try:
        await admin.start()
        await consumer.start()
        topics = topics_of(settings)
        read = {"aggregator": set(topics.events()), "evaluator": {topics.panes}}
        found: dict[str, int] = defaultdict(int)
        for role in ("aggregator", "evaluator", "lander"):
            group = kafka_clients.group_of(settings) if role == "lander" else group_of(settings, role)
            commits = await admin.list_consumer_group_offsets(group)
            mine = [tp for tp in commits if role not in read or tp.topic in read[role]]
            places = {tp: _position(role, commits[tp]) for tp in mine}
            ends = await consumer.end_offsets([TopicPartition(*tp) for tp in places]) if places else {}
            found[role] = sum(max(0, ends[tp] - position) for tp, position in places.items())
        return dict(found)
    finally:
        # A Kafka that was frozen meanwhile may never answer: the limit above is used up by then.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                await asyncio.gather(consumer.stop(), admin.close(), return_exceptions=True)


def _position(role: str, place: Any) -> int:
    if role == "aggregator" and place.metadata:
        return commit_state.decode(place.metadata).position
    if role == "evaluator" and place.metadata:
        return commit.decode(place.metadata).position
    return int(place.offset)
