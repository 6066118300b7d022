"""Getting the history ready at start: wait for ClickHouse, then migrate."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from urllib.parse import urlsplit

from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.clickhouse_client import connect, parse_address, wait_for_clickhouse
from pipeline.errors import FatalError
from pipeline.lander.clickhouse_codes import first_line
from pipeline.lander.migrate import migrate
from pipeline.settings import Settings

_RETRY_SECONDS = 2.0
_DATABASE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

log = logging.getLogger(__name__)


def with_own_database(settings: Settings) -> Settings:
    """Return the settings with a database that the address names as `database`, and an address that names none.

    A connection that asks for a database that is still to be made would be refused. FatalError for an impossible name.
    """
    where = parse_address(settings.clickhouse or "")
    if not where.database:
        return settings
    if not _DATABASE.fullmatch(where.database):
        raise FatalError(
            f"PIPELINE_CLICKHOUSE names database {where.database!r}: letters, digits and _ are allowed, and no digit "
            "at the beginning"
        )
    address = urlsplit(settings.clickhouse or "")._replace(path="").geturl()
    return settings.model_copy(update={"clickhouse": address, "database": where.database})


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
