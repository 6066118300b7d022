"""The lander: everything from Kafka into ClickHouse, in batches whose offsets are committed after they have landed."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from functools import partial

from pipeline.clickhouse_client import connect, parse_address
from pipeline.epochs import claimed_epochs
from pipeline.errors import FatalError
from pipeline.lander.attempt import ANSWER_SECONDS, CONNECT_SECONDS
from pipeline.lander.inserter import Inserter
from pipeline.lander.kafka_clients import landed_topics, make_consumer, make_producer
from pipeline.lander.loop import Loop
from pipeline.lander.preparing import prepare_history, with_own_database
from pipeline.lander.roll_up import keep_rolling
from pipeline.settings import Settings
from pipeline.topic_admin import ensure_topics, wait_for_kafka

_GC_THRESHOLD = (50_000, 20, 100)
"""Batches are many short-lived objects without cycles: with Python's default the collector takes much of the time."""

_NOISY = ("urllib3.connectionpool", "clickhouse_connect")
"""They warn of every attempt that fails; our own line says of which, why, and when the next one is."""

log = logging.getLogger(__name__)


async def run_lander(settings: Settings, stop: asyncio.Event) -> None:
    """Run one lander against `settings.kafka` and `settings.clickhouse` until `stop` is set.

    Several share the partitions. While ClickHouse is away it waits, with bounded memory, and commits nothing. Raises
    FatalError when it can't go on.
    """
    if settings.kafka is None or settings.clickhouse is None:
        raise FatalError("the lander needs Kafka and ClickHouse: set PIPELINE_KAFKA and PIPELINE_CLICKHOUSE")
    settings = with_own_database(settings)
    gc.set_threshold(*_GC_THRESHOLD)
    for library in _NOISY:
        logging.getLogger(library).setLevel(logging.ERROR)
    if not (await prepare_history(settings, stop) and await wait_for_kafka(settings.kafka or "", stop)):
        return
    partitions = await ensure_topics(settings)
    await _land_until(await claimed_epochs(settings), partitions, stop)


async def _land_until(settings: Settings, partitions: Mapping[str, int], stop: asyncio.Event) -> None:
    assert settings.clickhouse is not None
    address = str(parse_address(settings.clickhouse))
    connected = partial(connect, settings, connect_seconds=CONNECT_SECONDS, answer_seconds=ANSWER_SECONDS)
    inserter = Inserter(connected, settings.database, address, settings.batch_rows)
    consumer, producer = make_consumer(settings, partitions), make_producer(settings)
    loop = Loop(settings, consumer, producer, inserter)
    consumer.subscribe(landed_topics(settings), listener=loop.ownership)
    rolling = asyncio.create_task(keep_rolling(settings, stop))
    try:
        await producer.start()
        await consumer.start()
        log.info("landing from %s into %s, database %s", settings.kafka, address, settings.database)
        await loop.run(stop)
    finally:
        rolling.cancel()
        with suppress(asyncio.CancelledError):
            await rolling
        inserter.close()
        await _stop_within(settings.stop_seconds / 4, consumer.stop(), producer.stop())
        log.info("landed since the start: %s", dict(loop.counts))


async def _stop_within(seconds: float, *stopping: Coroutine[None, None, None]) -> None:
    """Leave Kafka in order, if it answers: what is committed is committed, and dead letters are acknowledged."""
    try:
        async with asyncio.timeout(seconds):
            # What aiokafka cancels of its own while it stops comes out of it as if this had been cancelled.
            await asyncio.gather(*stopping, return_exceptions=True)
    except TimeoutError:
        log.warning("Kafka did not answer within %g s: leaving without a word to it", seconds)
