"""Tables are restored whole: every record that Kafka had acknowledged before, the last of each key, none deleted."""

from __future__ import annotations

import random
from types import SimpleNamespace

import pytest
from aiokafka import AIOKafkaProducer
from faust.types import TP

from pipeline.errors import FatalError
from pipeline.evaluator.service import make_evaluator
from pipeline.faust_ext.changelogs import read_changelogs
from pipeline.faust_ext.producer import Outgoing
from pipeline.settings import Settings
from pipeline.topic_admin import ensure_topics
from pipeline.topics import topics_of
from tests.faults.ledger import read_all

RECORDS = 5_000
KEYS = 400

pytestmark = pytest.mark.stack


async def test_what_is_read_is_the_last_value_of_every_key_that_was_not_deleted(stack_settings: Settings) -> None:
    await ensure_topics(stack_settings)
    rng, topic = random.Random(7), topics_of(stack_settings).windows
    written: dict[TP, dict[bytes, bytes]] = {TP(topic, number): {} for number in range(stack_settings.partitions)}
    async with AIOKafkaProducer(bootstrap_servers=stack_settings.kafka, acks="all", linger_ms=5) as producer:
        for number in range(RECORDS):
            tp, key = TP(topic, rng.randrange(3)), b"%d" % rng.randrange(KEYS)
            value = None if rng.random() < 0.2 else b"%d" % number
            await producer.send(topic, value, key=key, partition=tp.partition)
            written[tp].pop(key, None)
            if value is not None:
                written[tp][key] = value
    app = SimpleNamespace(bootstrap=stack_settings.kafka, records_restored=0)
    assert await read_changelogs(app, written) == written
    assert app.records_restored == RECORDS
    assert await read_changelogs(app, []) == {}


async def test_once_a_shard_was_taken_its_earlier_owner_can_write_nothing_more(stack_settings: Settings) -> None:
    """Two processes' producers; the first does not know yet that the second has taken one of its shards."""
    await ensure_topics(stack_settings)
    topic = topics_of(stack_settings).windows
    first, second = (make_evaluator(stack_settings, [])[0].producers for _ in range(2))

    def record(shard: int, value: bytes) -> list[Outgoing]:
        return [Outgoing(topic, shard, b"key", value)]

    try:
        await first.take({0: record(0, b"first"), 1: record(1, b"first")})
        await second.take({0: record(0, b"second")})
        with pytest.raises(FatalError, match="shard 0 was taken by another evaluator"):
            await first.deliver(record(0, b"zombie"))
        await first.deliver(record(1, b"first again"))
        await second.deliver(record(0, b"second again"))
        await first.take({0: record(0, b"first is back")})
        with pytest.raises(FatalError, match="shard 0 was taken"):
            await second.deliver(record(0, b"zombie"))
    finally:
        await first.close()
        await second.close()
    found = [(read.partition, read.value) for read in await read_all(stack_settings.kafka or "", topic)]
    assert [value for shard, value in found if shard == 0] == [b"first", b"second", b"second again", b"first is back"]
    assert [value for shard, value in found if shard == 1] == [b"first", b"first again"]
