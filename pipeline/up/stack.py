"""Everything together: topics, tables, workers, on servers that run; until cancelled, or until something ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from pipeline.clickhouse_client import connect
from pipeline.lander.migrate import migrate
from pipeline.settings import Settings
from pipeline.topic_admin import ensure_topics, wait_for_kafka
from pipeline.up.servers import Servers
from pipeline.up.worker import Worker
from pipeline.up.workers import workers


@asynccontextmanager
async def stack(servers: Servers, tell: Callable[[str], None]) -> AsyncIterator[list[Worker]]:
    """Run the workers while the body runs. Raises FatalError, and cancels the body, when a part cannot go on."""
    settings = servers.settings
    tell("Making topics and tables …")
    await wait_for_kafka(settings.kafka or "", asyncio.Event())
    await ensure_topics(settings)
    if servers.clickhouse is not None:  # one that the settings name may be away: the lander waits for it
        await asyncio.to_thread(_migrate, settings)
    async with workers(settings, tell, also=servers.watch) as running:
        yield running


def _migrate(settings: Settings) -> None:
    logging.getLogger("pipeline.lander").setLevel(logging.WARNING)
    client = connect(settings)
    try:
        migrate(client, settings)
    finally:
        client.close()
