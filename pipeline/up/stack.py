"""Everything together: topics, tables, workers, on servers that run; until cancelled, or until something ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from pipeline.lander.preparing import prepare_history
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
        await prepare_history(settings, asyncio.Event())
    async with workers(settings, tell, also=servers.watch) as running:
        yield running
