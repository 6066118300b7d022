"""One producer for each shard; the broker takes records from its newest owner alone.

Kafka gives a producer that names itself a number that stays and an epoch that grows each time somebody takes that name.
Once a partition has a record of an epoch it refuses those of every earlier one. Kafka uses this for transactions; here
nothing is sent in one, so readers need no setting and a write costs nothing more: the name is told at the start alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, ProducerFenced, TransactionalIdAuthorizationFailed

from pipeline.errors import FatalError
from pipeline.faust_ext.producer import Outgoing, deliver

log = logging.getLogger(__name__)

AGAIN_SECONDS = 1.0
CLOSE_SECONDS = 5.0
UNUSED_TIMEOUT_MS = 60_000
"""How long a transaction may take. Kafka asks for it, and there are none."""


class ShardProducers:
    """The producers of the shards that this process owns. `app` is a `PipelineApp`, whose producer has the settings."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._producers: dict[int, AIOKafkaProducer] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def take(self, fences: Mapping[int, Sequence[Outgoing]]) -> None:
        """Shut every earlier owner of these shards out of the partitions of its fences, which are sent at once.

        When this returns, no record of an earlier owner can come to them any more. Waits for a Kafka that is away.
        """
        self.give_up(fences.keys())
        await asyncio.gather(*(self._take(shard, records) for shard, records in fences.items()))

    async def _take(self, shard: int, fences: Sequence[Outgoing]) -> None:
        self._producers[shard] = await self._started(f"{self._app.conf.id}-{shard}")
        await self.deliver(fences)

    async def deliver(self, records: Iterable[Outgoing]) -> None:
        """Send records, each with the producer of the shard that its partition is; returns when Kafka has them all.

        FatalError when a shard was taken by another process: nothing of the shard's part was written then.
        """
        by_shard: defaultdict[int, list[Outgoing]] = defaultdict(list)
        for record in records:
            by_shard[record.partition].append(record)
        await asyncio.gather(*(self._deliver(shard, found) for shard, found in by_shard.items()))

    async def _deliver(self, shard: int, records: list[Outgoing]) -> None:
        try:
            await deliver(self._producers[shard], records)
        except ProducerFenced as error:
            raise FatalError(
                f"shard {shard} was taken by another evaluator while this one was stopped in the middle of its work. "
                "The worker leaves, so that its supervisor starts a fresh one; nothing is lost."
            ) from error

    def give_up(self, shards: Iterable[int]) -> None:
        """Close the producers of shards, if there are any; without waiting for it."""
        for shard in shards:
            producer = self._producers.pop(shard, None)
            if producer is not None:
                closing = asyncio.create_task(_close(producer))
                self._closing.add(closing)
                closing.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Close all, and wait for it, for a few seconds."""
        self.give_up(list(self._producers))
        await asyncio.gather(*self._closing, return_exceptions=True)

    async def _started(self, name: str) -> AIOKafkaProducer:
        while True:
            producer = self._app.producer.make_producer()
            naming = producer._txn_manager  # noqa: SLF001 - aiokafka offers names only together with transactions
            naming.transactional_id, naming.transaction_timeout_ms = name, UNUSED_TIMEOUT_MS
            try:
                await producer.start()
            except TransactionalIdAuthorizationFailed as error:
                raise FatalError(
                    f"Kafka does not let this user write under the transactional id {name!r}, by which evaluators shut "
                    f"each other out. Allow it: kafka-acls.sh --add --operation Write --transactional-id {name} …"
                ) from error
            except KafkaError as error:
                log.warning("Kafka does not give the shard's producer %s its number: %s. Trying on.", name, error)
                await _close(producer)
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            naming.transactional_id = None
            return producer


async def _close(producer: AIOKafkaProducer) -> None:
    with contextlib.suppress(KafkaError, TimeoutError):
        await asyncio.wait_for(producer.stop(), CLOSE_SECONDS)
