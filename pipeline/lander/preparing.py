"""Getting the history ready at start: wait for ClickHouse, then migrate."""

from __future__ import annotations

import asyncio
import logging
import threading

from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.clickhouse_client import connect, wait_for_clickhouse
from pipeline.lander.clickhouse_codes import first_line
from pipeline.lander.migrate import migrate
from pipeline.settings import Settings

_RETRY_SECONDS = 2.0

log = logging.getLogger(__name__)


async def prepare_history(settings: Settings, stop: asyncio.Event) -> bool:
    """Wait until ClickHouse answers and bring its schema up to date; return False when `stop` was set before.

    An error of the server is logged and tried again. Raises FatalError when the schema is not ours to change.
    """
    told = threading.Event()
    watching = asyncio.create_task(_pass_on(stop, told))
    try:
        return await asyncio.to_thread(_prepare, settings, told)
    finally:
        watching.cancel()


async def _pass_on(stop: asyncio.Event, told: threading.Event) -> None:
    try:
        await stop.wait()
    finally:
        told.set()


def _prepare(settings: Settings, told: threading.Event) -> bool:
    assert settings.clickhouse is not None
    while wait_for_clickhouse(settings.clickhouse, told):
        try:
            client = connect(settings)
            try:
                migrate(client, settings)
            finally:
                client.close()
        except ClickHouseError as error:
            log.warning("can't prepare the history yet: %s", first_line(error))
            told.wait(_RETRY_SECONDS)
        else:
            return True
    return False
