"""Which epoch each topic of events is in: kept on the compacted topic `control`, with the id that the topic had.

The epoch is part of every identity. It is raised when a topic was deleted and made again, whose offsets begin anew
(`pipeline new-epoch`). Kafka gives a topic a new id when it is made, so every worker notices at its start.
"""

from __future__ import annotations

import time

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from pipeline.errors import BlockedError, FatalError
from pipeline.settings import Settings
from pipeline.topic_ids import topic_ids
from pipeline.topics import topics_of

KEY = b"epochs"
"""Key of the record on `control`."""

_POLL_MS = 500
_TRY_SECONDS = 30
_ASK_EVERY_SECONDS = 0.5


class Epochs(msgspec.Struct, frozen=True, tag="epochs1", tag_field="type"):
    """What `control` says: epoch and id by topic. A topic without an id was made by a Kafka that knows none."""

    epochs: dict[str, int]
    topic_ids: dict[str, str]
    written_ms: int


_decoder = msgspec.json.Decoder(Epochs)


@retry(
    retry=retry_if_exception_type(KafkaError),  # a broker that is starting, a leader that moves
    stop=stop_after_delay(_TRY_SECONDS),
    wait=wait_fixed(_ASK_EVERY_SECONDS),
    reraise=True,
)
async def claimed_epochs(settings: Settings) -> Settings:
    """Return the settings with the epochs that hold, for a worker that starts; what is new is written down.

    Raises BlockedError when a topic of events was made again since, and FatalError when PIPELINE_EPOCH contradicts.
    """
    known = await known_epochs(settings)
    ids = await topic_ids(settings.kafka or "", topics_of(settings).events())
    refuse_contradiction(settings, known)
    for topic in remade(known, ids):
        raise BlockedError(remade_message(f"topic {topic} has another id than it had"))
    epochs = dict.fromkeys(topics_of(settings).events(), settings.epoch) | (known.epochs if known else {})
    merged = Epochs(epochs, {**(known.topic_ids if known else {}), **ids}, _now_ms())
    if known is None or (merged.epochs, merged.topic_ids) != (known.epochs, known.topic_ids):
        async with AIOKafkaProducer(bootstrap_servers=settings.kafka, acks="all") as producer:
            await producer.send_and_wait(topics_of(settings).control, encoded(merged), key=KEY, partition=0)
    return settings.with_epochs(epochs)


async def with_known_epochs(settings: Settings) -> Settings:
    """Return the settings with the epochs that hold, for a command that only looks."""
    known = await known_epochs(settings)
    return settings.with_epochs(known.epochs if known else {})


async def known_epochs(settings: Settings) -> Epochs | None:
    """Return what `control` says; None while nothing was written down."""
    place = TopicPartition(topics_of(settings).control, 0)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka, group_id=None, isolation_level="read_committed", enable_auto_commit=False
    )
    await consumer.start()
    found: Epochs | None = None
    try:
        consumer.assign([place])
        end = (await consumer.end_offsets([place]))[place]
        consumer.seek(place, (await consumer.beginning_offsets([place]))[place])
        while await consumer.position(place) < end:
            for records in (await consumer.getmany(place, timeout_ms=_POLL_MS)).values():
                for record in records:
                    found = _read(record.value) if record.key == KEY else found
    finally:
        await consumer.stop()
    return found


def remade(known: Epochs | None, ids: dict[str, str]) -> list[str]:
    """Return the topics whose id is another one than was written down."""
    before = known.topic_ids if known else {}
    return [topic for topic, found in ids.items() if before.get(topic, found) != found]


def remade_message(found: str) -> str:
    """Return what to do about a topic that was made again; `found` says by what it was noticed."""
    return (
        f"{found}: it was deleted and made again. Its offsets begin anew, so its events would take the place of older "
        "ones that have the same. Stop the aggregators and landers, run `pipeline new-epoch`, and start them again"
    )


def refuse_contradiction(settings: Settings, known: Epochs | None) -> None:
    """Raise FatalError when PIPELINE_EPOCH names an epoch that no topic has reached."""
    greatest = max(known.epochs.values(), default=settings.epoch) if known else settings.epoch
    if settings.epoch > greatest:
        raise FatalError(
            f"PIPELINE_EPOCH={settings.epoch}, but the topics of this pipeline are in epoch {greatest}, as the topic "
            f"{topics_of(settings).control} says. Unset it: it is for the first start alone. `pipeline new-epoch` "
            "raises the epoch of a topic that was made again"
        )


def encoded(epochs: Epochs) -> bytes:
    """Return the record's value."""
    return msgspec.json.encode(epochs)


def _read(value: bytes | None) -> Epochs | None:
    try:
        return _decoder.decode(value) if value else None
    except msgspec.DecodeError as error:
        raise FatalError(
            f"the topic `control` has epochs that this release can't read ({error}). A later release wrote them: run "
            "that one"
        ) from error


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
