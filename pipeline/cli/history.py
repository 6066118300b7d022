"""The history in ClickHouse, as a user who may read and do nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError

from pipeline.clickhouse_client import connect, parse_address
from pipeline.errors import FatalError
from pipeline.settings import Settings

_SERVER_SAID = re.compile(r"Code: \d+\..*", re.DOTALL)
_URL = re.compile(r"\s*\(for url [^)]*\)\s*$")


@contextmanager
def history(settings: Settings) -> Iterator[Client]:
    """Give a client that reads the pipeline's database without naming it.

    Errors of ClickHouse come out as FatalError: what the server said, or that it does not answer.
    """
    try:
        client = connect(settings, reader=True)
        # Chosen after connecting: asking for one that is not there yet would fail with a message about the driver.
        client.database = parse_address(settings.clickhouse or "").database or settings.database
        try:
            yield client
        finally:
            client.close()
    except DatabaseError as error:
        raise FatalError(said(error)) from None
    except ClickHouseError:
        raise FatalError(
            f"ClickHouse does not answer at {parse_address(settings.clickhouse or '')}. Is it running, and is "
            "PIPELINE_CLICKHOUSE right? `pipeline doctor` looks further."
        ) from None


def said(error: DatabaseError) -> str:
    """Return the server's own message, without the driver's words around it."""
    found = _SERVER_SAID.search(str(error))
    return "ClickHouse says: " + _URL.sub("", found[0] if found else str(error)).strip()
