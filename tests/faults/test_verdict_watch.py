"""The watch goes through what is done to Kafka: killed and started again, partitions added, transactions aborted."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from faults.verdict.account import Account
from faults.verdict.watch import Watch
from pipeline.decode.ledger_header import Numbering
from pipeline.embedded.kafka import EmbeddedKafka
from pipeline.embedded.ports import free_port
from pipeline.errors import FatalError
from pipeline.settings import Settings
from pipeline.topics import topics_of

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(300)]

EVENT = (
    b'{"type":"operation","event_id":"e","service":"shop","operation":"pay","duration_ms":1,"success":true,'
    b'"timestamp_ms":1763791200000}'
)


async def send(settings: Settings, numbering: Numbering, partition: int, *, events: int = 100) -> None:
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka, acks="all") as producer:
        topic = topics_of(settings).operations
        for _ in range(events):
            headers = numbering.headers()
            await producer.send(topic, EVENT, partition=partition, headers=headers)


async def send_in_transactions(settings: Settings, numbering: Numbering) -> None:
    """Ten events that are committed, then ten that are aborted."""
    topic = topics_of(settings).operations
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka, transactional_id="t") as producer:
        for ends in (producer.commit_transaction, producer.abort_transaction):
            await producer.begin_transaction()
            for _ in range(10):
                await producer.send(topic, EVENT, partition=0, headers=numbering.headers())
            await ends()


async def add_partitions(settings: Settings) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    await admin.start()
    await admin.create_partitions({topics_of(settings).operations: NewPartitions(4)})
    await admin.close()


def seen(account: Account) -> list[int]:
    return [int(times) for times in account.log.ledgers.log_of(("left", "boot")).seen[:320]]


async def test_every_committed_record_is_read_once_whatever_is_done_to_kafka(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, kafka_port=free_port(), partitions=2)
    settings = settings.model_copy(update={"kafka": f"127.0.0.1:{settings.kafka_port}"})
    numbering = Numbering("left", "boot")
    with EmbeddedKafka(settings):
        watch = Watch(settings)
        await watch.start()
        await send(settings, numbering, 0)
        await send_in_transactions(settings, numbering)
        assert seen(await watch.account())[:130] == [1] * 110 + [0] * 10 + [0] * 10
    await asyncio.sleep(3)
    with EmbeddedKafka(settings):
        await send(settings, numbering, 1)
        await add_partitions(settings)
        await asyncio.sleep(5)
        await send(settings, numbering, 3)
        account = await watch.account()
        await watch.stop()
        assert await watch.account() is not account
        assert seen(await watch.account()) == seen(account) == [1] * 110 + [0] * 10 + [1] * 200
        assert account.complaints == []
        roles = {role for role, *place in account.positions.tracks if place == [topics_of(settings).operations, 3]}
        assert roles == {"aggregator", "lander"}  # no group has ever read what is there


async def test_a_watch_that_died_says_where_its_log_is(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, kafka_port=free_port(), partitions=1)
    settings = settings.model_copy(update={"kafka": f"127.0.0.1:{settings.kafka_port}"})
    with EmbeddedKafka(settings):
        watch = Watch(settings)
        await watch.start()
        watch._process.kill()
        for _ in range(2):
            with pytest.raises(FatalError, match=r"the watch has died .*watch\.log"):
                await watch.account()


async def test_a_run_that_fails_ends_its_watch_without_a_word(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, kafka_port=free_port(), partitions=1)
    settings = settings.model_copy(update={"kafka": f"127.0.0.1:{settings.kafka_port}"})
    with EmbeddedKafka(settings):
        watch = Watch(settings)
        await watch.start()
        process = watch._process
        await watch.__aexit__(asyncio.CancelledError, None, None)
    assert not process.is_alive()
