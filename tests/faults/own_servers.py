"""Servers that no other test needs: they are frozen and killed."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.embedded.clickhouse import EmbeddedClickHouse
from pipeline.embedded.kafka import EmbeddedKafka
from pipeline.embedded.ports import free_port
from pipeline.settings import Settings


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[EmbeddedKafka]:
    with EmbeddedKafka(Settings(home=tmp_path / "kafka", kafka_port=0)) as server:
        yield server


@pytest.fixture
def own_clickhouse(tmp_path: Path) -> Iterator[EmbeddedClickHouse]:
    # Port 0 would be another one after a restart.
    with EmbeddedClickHouse(Settings(home=tmp_path / "clickhouse", clickhouse_port=free_port())) as server:
        yield server


@contextlib.contextmanager
def frozen(server: EmbeddedKafka | EmbeddedClickHouse) -> Iterator[None]:
    """SIGSTOP: it accepts connections and answers nobody."""
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def dead(server: EmbeddedKafka | EmbeddedClickHouse) -> Iterator[None]:
    """Kill -9: it refuses connections."""
    server.kill()
    try:
        yield
    finally:
        server.start()
