"""Silences, acknowledgements and requests to send again, as they come in on the topic `control`."""

from __future__ import annotations

import logging

import msgspec
from aiokafka import TopicPartition

from pipeline.compacted import reader, to_end
from pipeline.core.notices.orders import Orders, decode_order, is_order
from pipeline.settings import Settings
from pipeline.topics import topics_of

log = logging.getLogger(__name__)


class OrdersTopic:
    """Follows `control` and keeps `orders` as it says."""

    def __init__(self, settings: Settings) -> None:
        self.orders = Orders()
        self._place = TopicPartition(topics_of(settings).control, 0)
        self._consumer = reader(settings)

    async def start(self) -> None:
        """Read everything that is there."""
        await self._consumer.start()
        await to_end(self._consumer, self._place, self._take)

    async def poll(self) -> bool:
        """Take what came in meanwhile; True if there was anything. Does not wait."""
        found = (await self._consumer.getmany(self._place, timeout_ms=0)).get(self._place, [])
        for record in found:
            self._take((record.key or b"").decode(errors="replace"), record.value)
        return bool(found)

    async def stop(self) -> None:
        """Let go of the connection."""
        await self._consumer.stop()

    def _take(self, key: str, value: bytes | None) -> None:
        take_order(self.orders, key, value)


def take_order(orders: Orders, key: str, value: bytes | None) -> None:
    """Take one record of `control`; those of others are passed over, and so are orders that can't be read."""
    if not is_order(key):
        return
    try:
        orders.put(key, None if value is None else decode_order(value))
    except msgspec.DecodeError as error:
        log.warning("%s on the topic control can't be read and is not in force: %s", key, error)
