"""Samples the commits of all groups against the ends of their topics."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata

from faults.verdict.commit_log import ROLES, position_in
from faults.verdict.positions import Positions
from faults.verdict.reader import Reader
from pipeline.settings import Settings
from pipeline.topics import Topics, topics_of

log = logging.getLogger(__name__)

SAMPLE_SECONDS = 0.7
_ANSWER_SECONDS = 10
_NOTHING = OffsetAndMetadata(0, "")


def followed(topics: Topics) -> dict[str, frozenset[str]]:
    """Return by role the topics whose lag says whether it has caught up: those that come steadily."""
    events = frozenset(topics.events())
    return {
        "aggregator": events,
        "evaluator": frozenset((topics.panes, topics.signals)),
        "lander": events | {topics.panes},
    }


class Sampler:
    """Looks at all groups each `SAMPLE_SECONDS`. `reader` knows past which record each partition was read."""

    def __init__(self, settings: Settings, reader: Reader) -> None:
        self.positions = Positions()
        self._settings = settings
        self._prefix = f"{settings.namespace}." if settings.namespace else ""
        self._reader = reader
        self._admin: AIOKafkaAdminClient | None = None
        self._consumer: AIOKafkaConsumer | None = None

    async def run(self) -> None:
        """Sample until cancelled."""
        try:
            while True:
                began = time.monotonic()
                await self.look()
                await asyncio.sleep(max(0.1, began + SAMPLE_SECONDS - time.monotonic()))
        finally:
            await self.stop()

    async def look(self) -> bool:
        """Take one sample; False while Kafka is away."""
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await self._sample()
        except (KafkaError, OSError, TimeoutError) as error:
            log.info("no sample: %r", error)
            with contextlib.suppress(KafkaError, OSError, TimeoutError):
                await asyncio.wait_for(self.stop(), _ANSWER_SECONDS)
            return False
        return True

    async def stop(self) -> None:
        """Close the connections; `look` opens them again."""
        admin, consumer, self._admin, self._consumer = self._admin, self._consumer, None, None
        if admin is not None:
            await admin.close()
        if consumer is not None:
            await consumer.stop()

    async def _sample(self) -> None:
        if self._admin is None or self._consumer is None:
            servers = {"bootstrap_servers": self._settings.kafka, "request_timeout_ms": 5_000}
            self._admin = AIOKafkaAdminClient(**servers)
            await self._admin.start()
            self._consumer = AIOKafkaConsumer(**servers, group_id=None, isolation_level="read_committed")
            await self._consumer.start()
        now_ms = time.time_ns() // 1_000_000
        offsets = {role: await self._offsets(role) for role in ROLES}
        tps = {tp for found in offsets.values() for tp in found}
        ends = await self._consumer.end_offsets(list(tps)) if tps else {}
        for role, found in offsets.items():
            for tp, at in found.items():
                self._note(now_ms, role, tp, at, ends[tp])
        self.positions.sampled(now_ms)

    async def _offsets(self, role: str) -> dict[TopicPartition, Any]:
        assert self._admin is not None
        found = await self._admin.list_consumer_group_offsets(f"{self._prefix}pipeline-{role}")
        topics = followed(topics_of(self._settings))[role]
        unread = {tp: _NOTHING for tp in self._reader.next_offset if tp.topic in topics}  # also what nobody has begun
        return unread | {tp: at for tp, at in found.items() if at.offset >= 0}

    def _note(self, now_ms: int, role: str, tp: TopicPartition, at: Any, end: int) -> None:
        position = max(at.offset, position_in(role, at.metadata))
        # The end of a transaction takes an offset that nobody reads: past the last record there is nothing left.
        read_to = self._reader.read_to.get(tp)
        last = end if read_to is None or read_to < end else self._reader.next_offset.get(tp, 0)
        self.positions.note(now_ms, (role, tp.topic, tp.partition), position, last)
