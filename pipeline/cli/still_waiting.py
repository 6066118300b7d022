"""How far everything has been taken from Kafka: what came later may still be on its way into the history."""

from __future__ import annotations

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition

from pipeline.errors import FatalError
from pipeline.lander.kafka_clients import group_of
from pipeline.progress import Progress, progress_of, unreachable
from pipeline.settings import Settings
from pipeline.topics import RECORD_BYTES, topics_of

_SECONDS = 30
_POLL_MS = 200


async def oldest_waiting_ms(settings: Settings) -> int | None:
    """Return when Kafka took in the oldest record that an aggregator or the lander has yet to take; None for no such.

    Looks at the topics of events and at those that say what became of them, dead and late. Raises FatalError where
    Kafka does not say.
    """
    topics = topics_of(settings)
    wanted = (*topics.events(), topics.dead, topics.late)
    async with progress_of(settings) as progress:
        consumer = AIOKafkaConsumer(
            *wanted,
            bootstrap_servers=settings.kafka,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",  # an aborted record waits for nobody
            max_partition_fetch_bytes=RECORD_BYTES,
        )
        await consumer.start()
        try:
            async with asyncio.timeout(_SECONDS):
                return await _oldest_ms(consumer, await _waiting(consumer, progress, settings))
        except TimeoutError:
            raise FatalError(f"{unreachable(settings)} It did not say how far the workers have come.") from None
        finally:
            await consumer.stop()


async def _waiting(
    consumer: AIOKafkaConsumer, progress: Progress, settings: Settings
) -> dict[TopicPartition, tuple[int, int]]:
    """Return the partitions with something to be taken: from which offset to which."""
    partitions = list(consumer.assignment())
    begin, end = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
    reached = {(one.group, one.topic, one.partition): one.position for one in await progress.look()}
    events = topics_of(settings).events()
    taken = {}
    for tp in partitions:
        groups = [group_of(settings), *([progress.aggregators] if tp.topic in events else [])]
        taken[tp] = min(max(reached.get((group, tp.topic, tp.partition), 0), begin[tp]) for group in groups)
    return {tp: (taken[tp], end[tp]) for tp in partitions if taken[tp] < end[tp]}


async def _oldest_ms(consumer: AIOKafkaConsumer, waiting: dict[TopicPartition, tuple[int, int]]) -> int | None:
    """Return the least timestamp of the first records; where only marks of transactions are left there is none."""
    consumer.pause(*(consumer.assignment() - set(waiting)))
    for tp, (first, _) in waiting.items():
        consumer.seek(tp, first)
    open_, found = set(waiting), []
    while open_:
        records = await consumer.getmany(timeout_ms=_POLL_MS)
        found += [some[0].timestamp for tp, some in records.items() if tp in open_ and some]
        done = {tp for tp in open_ if records.get(tp) or await consumer.position(tp) >= waiting[tp][1]}
        consumer.pause(*done)
        open_ -= done
    return min(found, default=None)
