"""The fault machine's full disks: the servers' writes fail, and what was acknowledged is there when there is room."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError
from clickhouse_connect.driver.exceptions import ClickHouseError

from faults.disk import Disk, FileLimit, MemoryDisk, memory_disk
from pipeline.clickhouse_client import connect
from pipeline.embedded.clickhouse import EmbeddedClickHouse
from pipeline.embedded.kafka import EmbeddedKafka
from pipeline.settings import Settings
from tests.faults.ledger import read_all

SIZE_BYTES = 512 * 1024 * 1024

pytestmark = [pytest.mark.stack, pytest.mark.slow]


@pytest.fixture(params=["memory", "limit"])
def disk(request: pytest.FixtureRequest) -> Disk:
    """A disk at `tmp_path`/disk, or a limit that stands for one."""
    made: Disk = request.getfixturevalue("mounted") if request.param == "memory" else FileLimit()
    return made


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[MemoryDisk]:
    made = memory_disk(tmp_path / "disk", SIZE_BYTES)
    if made is None:
        pytest.skip("only root can mount, where there is memory")
    yield made
    made.unmount()


async def produce(bootstrap: str, first: int, count: int) -> int:
    """Produce numbered records, one after the other; return how many were acknowledged within ten seconds."""
    acknowledged = 0
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        async with asyncio.timeout(10):
            for number in range(first, first + count):
                await producer.send_and_wait("t", b"%d " % number + os.urandom(20_000))
                acknowledged += 1
    except (KafkaError, TimeoutError):
        return acknowledged
    finally:
        await close(producer)
    return acknowledged


async def close(producer: Any) -> None:
    """Close a producer whose Kafka may be dead: what it still has to send would keep it for ever."""
    sending = producer._sender.sender_task
    sending.cancel()
    with contextlib.suppress(asyncio.CancelledError, KafkaError):
        await asyncio.wait([sending], timeout=5)
    producer._closed = True
    await producer.client.close()


async def make_topic(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic("t", 1, 1)])
    await admin.close()


async def test_kafka_ends_on_a_full_disk_and_has_everything_acknowledged_when_there_is_room(
    disk: Disk, tmp_path: Path
) -> None:
    with EmbeddedKafka(Settings(home=tmp_path / "disk", kafka_port=0)) as kafka:
        await make_topic(kafka.bootstrap)
        assert await produce(kafka.bootstrap, 0, 20) == 20
        disk.fill(kafka.pid)
        more = await produce(kafka.bootstrap, 20, 200)
        assert more < 200
        assert await asyncio.to_thread(kafka.wait, 60), "Kafka lives on"
        disk.free(None)
        kafka.kill()
        await asyncio.to_thread(kafka.start)
        found = {int(record.value.split(b" ", 1)[0]) for record in await read_all(kafka.bootstrap, "t")}
        assert found >= set(range(20 + more))
        assert await produce(kafka.bootstrap, 220, 5) == 5


async def test_clickhouse_refuses_inserts_on_a_full_disk_and_takes_them_when_there_is_room(
    mounted: MemoryDisk, tmp_path: Path
) -> None:
    folder = tmp_path / "disk"
    with EmbeddedClickHouse(Settings(home=folder, clickhouse_port=0)) as server:
        client = connect(Settings(home=folder, clickhouse=server.address))
        client.command("CREATE TABLE t (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
        insert = "INSERT INTO t SELECT number, randomString(200) FROM numbers(20000)"
        client.command(insert)
        assert server.pid is not None
        mounted.fill(server.pid)
        with pytest.raises(ClickHouseError):
            client.command(insert)
        mounted.free(server.pid)
        client.command(insert)
        assert client.command("SELECT count() FROM t WHERE length(s) = 200") == 40_000
        client.close()
