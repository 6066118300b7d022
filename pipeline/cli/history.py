"""The history in ClickHouse, mostly as a user who may read and do nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.clickhouse_client import connect, parse_address
from pipeline.errors import FatalError
from pipeline.settings import Settings

_SERVER_SAID = re.compile(r"Code: \d+\..*", re.DOTALL)
_URL = re.compile(r"\s*\(for url [^)]*\)\s*$")


@contextmanager
def history(settings: Settings, *, reader: bool = True) -> Iterator[Client]:
    """Give a client that reads the pipeline's database without naming it; with `reader` off, one that may do all.

    Errors of ClickHouse come out as FatalError: what the server said, or that it does not answer.
    """
    try:
        client = connect(settings, reader=reader)
        # Chosen after connecting: asking for one that is not there yet would fail with a message about the driver.
        client.database = parse_address(settings.clickhouse or "").database or settings.database
        try:
            yield client
        finally:
            client.close()
    except ClickHouseError as error:
        raise FatalError(said(error) or unreachable(settings)) from None


def unreachable(settings: Settings) -> str:
    """Return the sentence for a ClickHouse that does not answer."""
    return (
        f"ClickHouse does not answer at {parse_address(settings.clickhouse or '')}. Is it running, and is "
        "PIPELINE_CLICKHOUSE right? `pipeline doctor` looks further."
    )


def said(error: ClickHouseError) -> str | None:
    """Return the server's own message, without the driver's words around it; None if no server said anything."""
    found = _SERVER_SAID.search(str(error))
    return f"ClickHouse says: {_URL.sub('', found[0]).strip()}" if found else None
