"""Writes what becomes of dead letters: the records that are sent again and the note of it in one transaction.

Either both are there for every reader or neither is. So however a replay ends, each letter was sent again or still
waits, and the next replay goes on from there. All who decide share one transactional id: whoever begins puts the one
before out, and then reads what that one has done.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidProducerEpoch,
    KafkaConnectionError,
    KafkaError,
    ProducerFenced,
)

from pipeline.dead.identity import LetterId
from pipeline.dead.sending import Sending
from pipeline.errors import FatalError
from pipeline.settings import Settings
from pipeline.topics import RECORD_BYTES, topics_of
from schemas import structs
from schemas.structs import DeadEnd, DeadOutcome

TRANSACTION_MS = 15_000
"""A transaction that its process has left open is ended by the broker after so long; until then readers of the
partitions in it wait."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided about one letter; `sending` is the record that goes out with a replay."""

    id: LetterId
    outcome: DeadEnd
    attempt: int
    sending: Sending | None = None


class Outcomes:
    """Writes decisions, all of a call or none. FatalError when another process has begun to decide."""

    def __init__(self, settings: Settings, producer: AIOKafkaProducer) -> None:
        self._dead = topics_of(settings).dead
        self._producer = producer

    async def write(self, decided: Sequence[Decided], now_ms: int) -> None:
        """Send what is to be sent again and note every decision; returns when all of it is committed."""
        try:
            async with self._producer.transaction():
                sent = [await self._send_again(one.sending) for one in decided if one.sending is not None]
                sent += [await self._producer.send(self._dead, _noted(one, now_ms), partition=0) for one in decided]
                await asyncio.gather(*sent)
        except (ProducerFenced, InvalidProducerEpoch):
            raise FatalError(
                "Another `pipeline dead` has begun to replay or drop meanwhile, so this one has ended. Nothing was "
                "sent twice; what it had not come to still waits."
            ) from None
        except KafkaError as error:
            raise FatalError(
                f"Kafka did not take a transaction: {error or type(error).__name__}. It was taken back as a whole: run "
                "the same command again, it goes on from here."
            ) from error

    async def _send_again(self, sending: Sending) -> asyncio.Future[object]:
        future: asyncio.Future[object] = await self._producer.send(
            sending.topic, sending.value, key=sending.key, partition=sending.partition, headers=sending.headers
        )
        return future


@asynccontextmanager
async def deciding(settings: Settings) -> AsyncIterator[Outcomes]:
    """Give the one `Outcomes` that may write from now on; what is read after this has everything before it."""
    prefix = f"{settings.namespace}." if settings.namespace else ""
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka,
        transactional_id=f"{prefix}pipeline-dead",
        transaction_timeout_ms=TRANSACTION_MS,
        acks="all",
        compression_type="lz4",
        linger_ms=5,
        max_request_size=RECORD_BYTES,
    )
    try:
        await producer.start()
    except KafkaConnectionError:
        raise FatalError(
            f"Kafka does not answer at {settings.kafka}. Is it running, and is PIPELINE_KAFKA right?"
        ) from None
    try:
        yield Outcomes(settings, producer)
    finally:
        await producer.stop()


def _noted(decided: Decided, now_ms: int) -> bytes:
    name = decided.id
    return structs.encode(
        DeadOutcome(
            topic=name.topic,
            partition=name.partition,
            offset=name.offset,
            index=name.index,
            epoch=name.epoch,
            outcome=decided.outcome,
            attempt=decided.attempt,
            decided_ms=now_ms,
        )
    )
