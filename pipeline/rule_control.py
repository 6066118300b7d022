"""What people change about rules at run time, on the topic `control`: read as it stands, and changed by commands.

Changes are made one after the other: each takes a name over before it looks, so that whoever looked before and has not
written yet can't write any more.
"""

from __future__ import annotations

from collections.abc import Callable

from aiokafka import AIOKafkaProducer
from aiokafka.errors import InvalidProducerEpoch, ProducerFenced

from pipeline.compacted import read_compacted
from pipeline.core.rule_orders import RuleOrder, RuleOrders, encode_order, order_key
from pipeline.errors import FatalError
from pipeline.settings import Settings
from pipeline.topic_admin import ensure_topics
from pipeline.topics import topics_of

_TRANSACTION_MS = 15_000


async def read_rule_orders(settings: Settings) -> RuleOrders:
    """Return what `control` says of rules."""
    await ensure_topics(settings)
    return await _read(settings)


async def change_rules(settings: Settings, change: Callable[[RuleOrders], RuleOrder | None]) -> RuleOrder | None:
    """Write the order that `change` makes of what there is, and return it; every evaluator knows it a moment later.

    None is nothing to write.
    Raises FatalError when somebody else changed rules meanwhile, and whatever `change` raises: nothing is written then.
    """
    await ensure_topics(settings)
    name = f"{topics_of(settings).prefix}pipeline-rules"
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka, acks="all", transactional_id=name, transaction_timeout_ms=_TRANSACTION_MS
    )
    async with producer:
        order = change(await _read(settings))
        if order is None:
            return None
        try:
            async with producer.transaction():
                await producer.send_and_wait(
                    topics_of(settings).control, encode_order(order), key=order_key(order.name).encode(), partition=0
                )
        except (ProducerFenced, InvalidProducerEpoch):
            raise FatalError(
                "Somebody else changed rules at this moment, and this change was not made. Look at "
                "`pipeline rules history`, and try again."
            ) from None
    return order


async def _read(settings: Settings) -> RuleOrders:
    orders = RuleOrders()
    async for key, value in read_compacted(settings, topics_of(settings).control):
        orders.put(key, value)
    return orders
