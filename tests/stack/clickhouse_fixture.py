"""A ClickHouse for the tests of a session: in a container where Docker answers, embedded elsewhere."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import HttpWaitStrategy

from pipeline.clickhouse_client import connect
from pipeline.embedded.clickhouse import EmbeddedClickHouse
from pipeline.settings import Settings
from tests.stack.docker_engine import docker_answers

_IMAGE = "clickhouse/clickhouse-server:26.9"
_PORT = 8123


@pytest.fixture(scope="session")
def embedded_clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The HTTP address of an embedded ClickHouse that all tests of the session share."""
    home = tmp_path_factory.mktemp("clickhouse")
    with EmbeddedClickHouse(Settings(home=home, clickhouse_port=0)) as server:
        yield server.address


@pytest.fixture(scope="session")
def clickhouse(request: pytest.FixtureRequest) -> Iterator[str]:
    """The HTTP address of a ClickHouse that all tests of the session share: use a database of your own."""
    if not docker_answers():
        yield request.getfixturevalue("embedded_clickhouse")
        return
    container = DockerContainer(_IMAGE).with_exposed_ports(_PORT)
    for name, value in {"CLICKHOUSE_USER": "pipeline", "CLICKHOUSE_PASSWORD": "pipeline"}.items():
        container.with_env(name, value)
    container.waiting_for(HttpWaitStrategy(_PORT, "/ping"))
    with container:
        host, port = container.get_container_host_ip(), container.get_exposed_port(_PORT)
        yield f"http://pipeline:pipeline@{host}:{port}"


@pytest.fixture
def own_database(clickhouse: str) -> Iterator[Settings]:
    """Settings with a database of the test's own in the address."""
    name = f"t{uuid.uuid4().hex}"
    admin = connect(Settings(clickhouse=clickhouse))
    admin.command(f"CREATE DATABASE {name}")
    yield Settings(clickhouse=f"{clickhouse}/{name}")
    admin.command(f"DROP DATABASE {name}")
    admin.close()
