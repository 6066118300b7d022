"""The notifier: alerts from Kafka to people, by the channels of the notifications file."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from pipeline.errors import FatalError
from pipeline.kafka_answers import refuse_failed_answers
from pipeline.membership import instance_id
from pipeline.notifier.journal import Journal, group_of, read_book
from pipeline.notifier.making import made_channels
from pipeline.notifier.notifications_file import Notifications, load_notifications
from pipeline.notifier.orders_topic import OrdersTopic
from pipeline.notifier.ownership import OldestTakesAll, Ownership
from pipeline.notifier.self_care import SelfCare
from pipeline.notifier.session import Session, Told
from pipeline.settings import Settings
from pipeline.topic_admin import ensure_topics, wait_for_kafka
from pipeline.topics import RECORD_BYTES, topics_of

_AGAIN_SECONDS = 1.0
_PATIENCE_SECONDS = 2.0

log = logging.getLogger(__name__)


async def run_notifier(settings: Settings, stop: asyncio.Event) -> None:
    """Run one notifier against `settings.kafka` until `stop` is set; of several one works and the others stand by.

    Raises FatalError when it can't go on: without a notifications file, or with mistakes in it.
    """
    notifications = chosen_notifications(settings)
    if not await wait_for_kafka(settings.kafka or "", stop):
        return
    await ensure_topics(settings)
    channels = made_channels(notifications)
    try:
        await _notify(settings, notifications, channels, stop)
    finally:
        await asyncio.gather(*(told.channel.close() for told in channels.values()), return_exceptions=True)


def chosen_notifications(settings: Settings) -> Notifications:
    """Return what the notifications file says; raises FatalError where none is named."""
    if settings.notifications is None:
        raise FatalError(
            "There are no channels to notify: PIPELINE_NOTIFICATIONS names no file. docs/notifications.md says what is "
            "in one, and `pipeline notify check FILE` whether it is right."
        )
    return load_notifications(settings.notifications)


async def _notify(
    settings: Settings, notifications: Notifications, channels: Mapping[str, Told], stop: asyncio.Event
) -> None:
    ownership = Ownership()
    consumer = _consumer(settings)
    consumer.subscribe([topics_of(settings).alerts], listener=ownership)
    await consumer.start()
    log.info("in the group %s at %s", group_of(settings), settings.kafka)
    try:
        while not stop.is_set():
            if not await ownership.wait(consumer, stop):
                continue
            lost = ownership.begin()
            leave = partial(_either, stop, lost)
            try:
                await _one_session(settings, notifications, channels, consumer, leave)
            except KafkaError as error:
                log.warning("Kafka gives an error, beginning again from what is written down: %r", error)
                await asyncio.sleep(_AGAIN_SECONDS)
            finally:
                ownership.end()
    finally:
        await _within(settings.stop_seconds / 4, consumer)


async def _one_session(
    settings: Settings,
    notifications: Notifications,
    channels: Mapping[str, Told],
    consumer: AIOKafkaConsumer,
    leave: Callable[[], bool],
) -> None:
    journal, orders = Journal(settings), OrdersTopic(settings)
    try:
        await journal.start()
        await orders.start()
        book = await read_book(settings)
        care = SelfCare(settings, notifications, book)
        session = Session(notifications.plan, channels, consumer, journal, book, orders, care)
        patience_s = min(settings.stop_seconds / 4, _PATIENCE_SECONDS)
        await session.run(leave, patience_s)
    finally:
        await _within(settings.stop_seconds / 4, orders, journal)


def _either(stop: asyncio.Event, lost: asyncio.Event) -> bool:
    return stop.is_set() or lost.is_set()


def _consumer(settings: Settings) -> AIOKafkaConsumer:
    refuse_failed_answers()
    return AIOKafkaConsumer(
        bootstrap_servers=settings.kafka,
        group_id=group_of(settings),
        group_instance_id=instance_id(settings.worker_id, {topics_of(settings).alerts: settings.partitions}),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_partition_fetch_bytes=RECORD_BYTES,
        fetch_max_wait_ms=100,
        session_timeout_ms=10_000,
        heartbeat_interval_ms=2_000,
        rebalance_timeout_ms=15_000,
        partition_assignment_strategy=(OldestTakesAll,),
    )


async def _within(seconds: float, *clients: AIOKafkaConsumer | Journal | OrdersTopic) -> None:
    """Leave Kafka in order, if it answers."""
    try:
        async with asyncio.timeout(seconds):
            await asyncio.gather(*(client.stop() for client in clients), return_exceptions=True)
    except TimeoutError:
        log.warning("Kafka did not answer within %g s: leaving without a word to it", seconds)
