"""Orders on the topic `control`: read as they stand, and written by commands."""

from __future__ import annotations

from aiokafka import AIOKafkaProducer

from pipeline.core.notices.orders import Order, Orders, encode_order, order_key
from pipeline.notifier.journal import read_compacted
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


async def write_orders(settings: Settings, orders: list[Order]) -> None:
    """Write orders; returns when Kafka has them. A running notifier knows them a moment later."""
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka, acks="all", enable_idempotence=True) as producer:
        for order in orders:
            await producer.send_and_wait(
                topics_of(settings).control, encode_order(order), key=order_key(order).encode(), partition=0
            )
