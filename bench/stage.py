"""Where a benchmark takes place: a Kafka, a folder, and topics of its own for each measurement."""

from __future__ import annotations

import asyncio
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from rich.console import Console

from bench.events import PARTITIONS
from pipeline.embedded.kafka import EmbeddedKafka
from pipeline.errors import FatalError
from pipeline.settings import Settings
from pipeline.topic_admin import wait_for_kafka

_LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Stage:
    """Settings with a namespace that nobody else uses, and a console for progress."""

    settings: Settings
    console: Console

    def say(self, text: str) -> None:
        """Print one line of progress."""
        self.console.print(f"[dim]{time.strftime('%H:%M:%S')}[/] {text}", highlight=False)


async def until(what: str, is_so: Callable[[], Awaitable[bool]], seconds: float = 600.0) -> None:
    """Look ten times a second until something is so; FatalError that names it when it isn't after so long."""
    deadline = time.monotonic() + seconds
    while not await is_so():
        if time.monotonic() > deadline:
            raise FatalError(f"gave up after {seconds:.0f} s: {what}")
        await asyncio.sleep(_LOOK_SECONDS)


@asynccontextmanager
async def stage(bootstrap: str, home: Path, console: Console) -> AsyncIterator[Stage]:
    """Give a stage without topics; those that are made on it are deleted afterwards."""
    namespace = f"bench-{uuid.uuid4().hex[:8]}"
    folder = home / namespace
    folder.mkdir()
    settings = Settings(kafka=bootstrap, namespace=namespace, partitions=PARTITIONS, home=folder)
    try:
        yield Stage(settings, console)
    finally:
        await _delete_topics(bootstrap, f"{namespace}.")


@asynccontextmanager
async def kafka(console: Console) -> AsyncIterator[tuple[str, Path]]:
    """Give the address of a Kafka (PIPELINE_KAFKA, else one started for this run) and a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        chosen = Settings()
        if chosen.kafka is not None:
            await wait_for_kafka(chosen.kafka)
            yield chosen.kafka, Path(folder)
            return
        server = EmbeddedKafka(chosen.model_copy(update={"home": Path(folder), "kafka_port": 0}), console)
        await asyncio.to_thread(server.start)
        try:
            yield server.bootstrap, Path(folder)
        finally:
            await asyncio.to_thread(server.stop)


async def _delete_topics(bootstrap: str, prefix: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        mine = [name for name in await admin.list_topics() if name.startswith(prefix)]
        if mine:
            await admin.delete_topics(mine)
    finally:
        await admin.close()
