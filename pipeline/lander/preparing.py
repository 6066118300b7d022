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
from pipeline.lander.threads import in_loose_thread
from pipeline.settings import Settings

_RETRY_SECONDS = 2.0
_ANSWER_SECONDS = 60.0
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

    An error of the server is logged and tried again. Told to stop, it finishes the statement at hand, unless that takes
    half of `stop_seconds`: each can be run again. Raises FatalError when the schema is not ours to change.
    """
    told = threading.Event()
    preparing = asyncio.create_task(in_loose_thread("prepare", _prepare, settings, told))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((preparing, stopping), return_when=asyncio.FIRST_COMPLETED)
        told.set()
        await asyncio.wait((preparing,), timeout=settings.stop_seconds / 2)
        return preparing.done() and await preparing
    finally:
        told.set()
        stopping.cancel()
        preparing.cancel()


def _prepare(settings: Settings, told: threading.Event) -> bool:
    assert settings.clickhouse is not None
    while wait_for_clickhouse(settings.clickhouse, told):
        try:
            client = connect(settings, answer_seconds=_ANSWER_SECONDS)
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
