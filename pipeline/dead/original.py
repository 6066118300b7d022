"""The record that a dead letter is about, read again where it stands, while its topic keeps it."""

from __future__ import annotations

from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from pipeline.dead.letters import value_of
from pipeline.decode.json_text import element_of
from pipeline.errors import RejectedEvent
from schemas.structs import DeadLetter

_POLL_MS = 500
_POLLS = 20


async def original_value(consumer: AIOKafkaConsumer, letter: DeadLetter, epoch: int) -> bytes:
    """Return the bytes that were refused, whole; RejectedEvent that says why they can't be had."""
    value = (await original(consumer, letter, epoch)).value
    whole: bytes = value if letter.index is None else element_of(value, letter.index)
    kept = value_of(letter) or b""
    if len(whole) != letter.value_bytes or not whole.startswith(kept):
        raise RejectedEvent("what stands at its offset now is another record: the topic was deleted and made again")
    return whole


async def original(consumer: AIOKafkaConsumer, letter: DeadLetter, epoch: int) -> Any:
    """Return aiokafka's record at the letter's place; RejectedEvent that says why it can't be had.

    The consumer is for this alone: it is assigned anew for each letter.
    """
    if letter.epoch != epoch:
        raise RejectedEvent(f"its topic was deleted and made again: it is of epoch {letter.epoch}, now is {epoch}")
    place = TopicPartition(letter.topic, letter.partition)
    consumer.assign([place])
    return await _record_at(consumer, place, letter.offset)


async def _record_at(consumer: AIOKafkaConsumer, place: TopicPartition, offset: int) -> Any:
    begin, end = (await consumer.beginning_offsets([place]))[place], (await consumer.end_offsets([place]))[place]
    if not begin <= offset < end:
        raise RejectedEvent(f"{place.topic}-{place.partition} keeps offsets {begin:,} to {end - 1:,} only")
    consumer.seek(place, offset)
    for _ in range(_POLLS):
        for found in (await consumer.getmany(place, timeout_ms=_POLL_MS, max_records=1)).values():
            if found[0].offset == offset:
                return found[0]
            raise RejectedEvent("there is no record at its offset any more")
    raise RejectedEvent("Kafka did not give its record within 10 s")
