"""A Kafka for the tests of a session: in a container where Docker answers, embedded elsewhere."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from pipeline.embedded.kafka import EmbeddedKafka
from pipeline.embedded.kafka_config import server_properties
from pipeline.embedded.ports import LOOPBACK, free_port
from pipeline.settings import Settings
from tests.stack.docker_engine import docker_answers

_IMAGE = "apache/kafka:4.3.1"
_CONTROLLER_PORT = 9093


@pytest.fixture(scope="session")
def embedded_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an embedded Kafka that all tests of the session share."""
    with EmbeddedKafka(Settings(home=tmp_path_factory.mktemp("kafka"), kafka_port=0)) as server:
        yield server.bootstrap


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a Kafka that all tests of the session share: use a namespace of your own, as stack_settings."""
    if not docker_answers():
        yield request.getfixturevalue("embedded_kafka")
        return
    port = free_port()
    with _container(port):
        yield f"{LOOPBACK}:{port}"


def _container(port: int) -> DockerContainer:
    """The same configuration as the embedded one, on the same port inside and outside: Kafka tells it to clients."""
    container = DockerContainer(_IMAGE).with_bind_ports(port, port)
    properties = server_properties(Path("/tmp/kafka-data"), port, _CONTROLLER_PORT)
    properties["listeners"] = f"PLAINTEXT://0.0.0.0:{port},CONTROLLER://{LOOPBACK}:{_CONTROLLER_PORT}"
    for name, value in properties.items():
        container.with_env(f"KAFKA_{name.upper().replace('.', '_')}", value)
    return container.waiting_for(LogMessageWaitStrategy("Kafka Server started"))


@pytest.fixture
def stack_settings(kafka: str, tmp_path: Path) -> Iterator[Settings]:
    """Settings for one test: the shared Kafka, topics and groups of its own (deleted afterwards), a home of its own."""
    settings = Settings(kafka=kafka, namespace=f"t{uuid.uuid4().hex[:12]}", partitions=8, home=tmp_path)
    yield settings
    # In a thread, because the test's own event loop may still be there.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, _delete_topics(kafka, f"{settings.namespace}.")).result()


async def _delete_topics(bootstrap: str, prefix: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        mine = [name for name in await admin.list_topics() if name.startswith(prefix)]
        if mine:
            await admin.delete_topics(mine)
    finally:
        await admin.close()
