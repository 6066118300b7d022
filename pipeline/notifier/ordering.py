"""Orders on the topic `control`: read as they stand, and written by commands."""

from __future__ import annotations

from collections.abc import Iterable

from aiokafka import AIOKafkaProducer

from pipeline.compacted import read_compacted
from pipeline.core.notices.orders import Order, Orders, encode_order, order_key
from pipeline.notifier.orders_topic import take_order
from pipeline.settings import Settings
from pipeline.topic_admin import ensure_topics
from pipeline.topics import topics_of


async def read_orders(settings: Settings) -> Orders:
    """Return what holds, and what has ended, as `control` says."""
    await ensure_topics(settings)
    orders = Orders()
    async for key, value in read_compacted(settings, topics_of(settings).control):
        take_order(orders, key, value)
    return orders


async def write_orders(settings: Settings, orders: list[Order], outdated: Iterable[str] = ()) -> None:
    """Write orders, and delete outdated ones by their keys; returns when Kafka has it all.

    A running notifier knows them a moment later.
    """
    records: dict[str, bytes | None] = dict.fromkeys(outdated)
    records |= {order_key(order): encode_order(order) for order in orders}
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka, acks="all", enable_idempotence=True) as producer:
        for key, value in records.items():
            await producer.send_and_wait(topics_of(settings).control, value, key=key.encode(), partition=0)
