"""The embedded Kafka: starts, keeps its data, dies with its parent, and says what is wrong."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import UnknownTopicOrPartitionError

from pipeline.embedded.folder_lock import FolderLock
from pipeline.embedded.kafka import EmbeddedKafka
from pipeline.embedded.ports import LOOPBACK
from pipeline.errors import FatalError
from pipeline.settings import Settings
from pipeline.topics import RECORD_BYTES

pytestmark = pytest.mark.stack
GONE_SECONDS = 120


@pytest.fixture
def node(tmp_path: Path) -> Iterator[EmbeddedKafka]:
    node = EmbeddedKafka(Settings(home=tmp_path, kafka_port=0))
    yield node
    node.stop()


async def create(bootstrap: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        answer = await admin.create_topics(
            [NewTopic(topic, 1, 1, topic_configs={"max.message.bytes": str(RECORD_BYTES)})]
        )
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


@contextmanager
def started_by_hand(home: Path) -> Iterator[tuple[subprocess.Popen[str], psutil.Process]]:
    """Start the node as an engineer would; give that process and, once it has told its address, the node's."""
    command = [sys.executable, "-m", "pipeline.embedded.kafka", "--home", str(home)]
    by_hand = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    with by_hand:
        try:
            assert by_hand.stdout is not None
            assert by_hand.stdout.readline().startswith(f"{LOOPBACK}:")
            yield by_hand, psutil.Process(int((home / "kafka" / "node.pid").read_text()))
        finally:
            by_hand.kill()


def test_it_dies_with_its_parent_and_ends_in_order_when_interrupted(tmp_path: Path) -> None:
    with started_by_hand(tmp_path) as (by_hand, node):
        with pytest.raises(FatalError, match=rf"already runs on {tmp_path}/kafka-data \(process {by_hand.pid}, 127"):
            EmbeddedKafka(Settings(home=tmp_path)).start()
        by_hand.kill()
        node.wait(GONE_SECONDS)
    with started_by_hand(tmp_path) as (by_hand, node):
        os.killpg(by_hand.pid, signal.SIGINT)  # as a terminal does: to all of the group at once
        assert by_hand.wait(GONE_SECONDS) == 0
        assert not node.is_running()
    assert (tmp_path / "kafka-data" / ".kafka_cleanshutdown").exists()


def test_a_java_that_dies_is_told_with_its_last_lines(node: EmbeddedKafka, tmp_path: Path) -> None:
    (tmp_path / "kafka-data").mkdir()
    (tmp_path / "kafka-data" / "meta.properties").write_text("version=1\nnode.id=7\ncluster.id=other\n")
    with pytest.raises(FatalError, match=r"stopped while starting \(exit code 1\).*logs/kafka\.log") as told:
        node.start()
    assert "Stored node id 7 doesn't match previous node id 1" in str(told.value)
    assert "\tat " not in str(told.value)
    assert not node.running


def test_a_port_that_is_taken_is_told_with_its_setting(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind((LOOPBACK, 0))
        other.listen()
        port = other.getsockname()[1]
        node = EmbeddedKafka(Settings(home=tmp_path, kafka_port=port))
        with pytest.raises(FatalError, match=rf"127\.0\.0\.1:{port}: .* taken .* PIPELINE_KAFKA_PORT=PORT"):
            node.start()
    assert FolderLock(tmp_path / "kafka.lock").acquire(wait=False)


def test_a_folder_that_cannot_be_written_is_told_with_its_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FatalError, match=r"file: .* PIPELINE_HOME=FOLDER"):
        EmbeddedKafka(Settings(home=tmp_path / "file")).start()


def test_a_disk_that_is_nearly_full_is_told_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.embedded.kafka_storage.LEAST_FREE_BYTES", 1 << 60)
    with pytest.raises(FatalError, match=r"MiB are free on that disk.* Make room"):
        EmbeddedKafka(Settings(home=tmp_path)).start()


def test_stopping_what_never_ran_is_nothing(tmp_path: Path) -> None:
    node = EmbeddedKafka(Settings(home=tmp_path))
    node.stop()
    node.kill()
    with pytest.raises(FatalError, match="not running"):
        assert node.pid
