"""The embedded Kafka: starts, keeps its data, dies with its parent, and says what is wrong."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import UnknownTopicOrPartitionError

from pipeline.embedded.kafka import EmbeddedKafka
from pipeline.embedded.ports import LOOPBACK, free_port
from pipeline.errors import FatalError
from pipeline.settings import Settings
from pipeline.topics import RECORD_BYTES

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("embedded-kafka")]
GONE_SECONDS = 30


@pytest.fixture
def node(tmp_path: Path) -> Iterator[EmbeddedKafka]:
    node = EmbeddedKafka(Settings(home=tmp_path, kafka_port=0))
    yield node
    node.stop()


async def create(bootstrap: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        answer = await admin.create_topics([NewTopic(topic, 1, 1, topic_configs={"max.message.bytes": str(RECORD_BYTES)})])
        assert answer.topic_errors[0][1] == 0
    finally:
        await admin.close()


async def send(bootstrap: str, topic: str, value: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, max_request_size=RECORD_BYTES, acks="all") as producer:
        await producer.send_and_wait(topic, value)


async def read(bootstrap: str, topic: str, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest", max_partition_fetch_bytes=RECORD_BYTES
    )
    async with consumer:
        return [(await consumer.getone()).value for _ in range(count)]


async def test_records_are_there_after_a_stop_and_after_a_kill(node: EmbeddedKafka) -> None:
    node.start()
    address = node.bootstrap
    await create(address, "kept")
    await send(address, "kept", b"one")
    node.stop()
    node.start()
    await send(address, "kept", b"two")
    node.kill()
    assert not node.running
    node.start()
    assert node.bootstrap == address
    assert await read(address, "kept", 2) == [b"one", b"two"]


async def test_a_record_of_five_megabytes_passes_and_topics_are_not_made_by_themselves(embedded_kafka: str) -> None:
    topic = f"large-{os.urandom(4).hex()}"
    async with AIOKafkaProducer(bootstrap_servers=embedded_kafka, request_timeout_ms=1_000) as producer:
        with pytest.raises(UnknownTopicOrPartitionError):
            await producer.send_and_wait(topic, b"")
    await create(embedded_kafka, topic)
    large = os.urandom(5_000_000)
    await send(embedded_kafka, topic, large)
    assert await read(embedded_kafka, topic, 1) == [large]
