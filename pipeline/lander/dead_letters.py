"""Rows that ClickHouse would not take, on their way to `events.dead`, with reason `landing`."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from aiokafka import AIOKafkaProducer

from pipeline.decode.dead_letter import dead_letter
from pipeline.decode.json_text import element_of
from pipeline.decode.result import Rejection
from pipeline.lander.contents import Unusable
from pipeline.lander.rows import Origin
from pipeline.settings import Settings
from pipeline.topics import topics_of
from schemas import structs
from schemas.reasons import Reason

log = logging.getLogger(__name__)


async def send_dead_letters(producer: AIOKafkaProducer, unusable: Iterable[Unusable], settings: Settings) -> int:
    """Write what can't land to `events.dead` and return how many, once the broker has acknowledged all of them.

    A dead letter that can't land itself is logged and let go: sent again it would come back for ever.
    """
    dead = topics_of(settings).dead
    sent = 0
    for one in _once_each(unusable):
        record = one.origin.record
        log.error("%s-%d, offset %d can't land: %s", record.topic, record.partition, record.offset, one.detail)
        if record.topic != dead:
            await producer.send_and_wait(dead, landing_letter(one, settings.epoch_of(record.topic)))
            sent += 1
    return sent


def _once_each(unusable: Iterable[Unusable]) -> Iterable[Unusable]:
    """Yield what is refused once: several rows of one snapshot or stats record are one refusal."""
    seen: set[tuple[str, int, int, int | None]] = set()
    for one in unusable:
        record = one.origin.record
        key = record.topic, record.partition, record.offset, one.origin.index
        if key not in seen:
            seen.add(key)
            yield one


def landing_letter(unusable: Unusable, epoch: int) -> bytes:
    """Return the dead letter as it goes on the topic: the same for the same refusal."""
    record = unusable.origin.record
    letter = dead_letter(
        Rejection(0, unusable.origin.index, Reason.LANDING, unusable.detail, _bytes_of(unusable.origin)),
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        epoch=epoch,
        append_time_ms=record.timestamp,
        key=record.key,
        headers=record.headers,
    )
    return structs.encode(letter)


def _bytes_of(origin: Origin) -> bytes | None:
    value = origin.record.value
    return value if value is None or origin.index is None else element_of(value, origin.index)
