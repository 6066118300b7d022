"""Clients of ClickHouse, embedded or real: one way to make them, and to wait until it answers."""

from __future__ import annotations

import logging
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.parse import unquote, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.httputil import default_pool_manager
from urllib3 import PoolManager

from pipeline.errors import FatalError
from pipeline.settings import Settings

_PORTS = {"http": 8123, "https": 8443}
_THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}
_WAIT_SECONDS_MAX = 5.0
_SAY_EACH_SECONDS = 10.0
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Address:
    """Where ClickHouse answers, and as whom to ask. `database` is empty when the address names none."""

    scheme: str
    host: str
    port: int
    user: str
    password: str
    database: str

    def __str__(self) -> str:
        """Return it without the password, for people."""
        return f"{self.scheme}://{_bracketed(self.host)}:{self.port}"


def parse_address(text: str) -> Address:
    """Return the parts of ``http[s]://[user:password@]host[:port][/database]``. Raises FatalError for anything else."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise _unusable(str(error)) from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise _unusable(f"it begins with {parts.scheme or 'no scheme'}" if parts.hostname else "it names no host")
    return Address(
        scheme=parts.scheme,
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        user=unquote(parts.username or "default"),
        password=unquote(parts.password or ""),
        database=unquote(parts.path.strip("/")),
    )


def connect(
    settings: Settings, *, reader: bool = False, connect_seconds: float = 10, answer_seconds: float = 300
) -> Client:
    """Return a client for `settings.clickhouse`, as its user, or with `reader` as the user who may only read.

    A password that the address does not name is that of the settings. It has no session, so threads may share it;
    it does not choose a database unless the address names one. Nothing is
    compressed, which is the fastest on one machine. A connection that takes `connect_seconds`, and a server that says
    nothing for `answer_seconds`, are given up. Raises FatalError for an address that can't be used, and
    clickhouse_connect's errors when nobody answers.
    """
    arguments = _arguments(settings, reader=reader)
    pool = _pool(arguments["host"])
    return clickhouse_connect.get_client(
        **arguments, pool_mgr=pool, connect_timeout=connect_seconds, send_receive_timeout=answer_seconds
    )


async def connect_async(settings: Settings, *, reader: bool = False) -> AsyncClient:
    """Return what `connect` does, for asyncio. Close it with `await client.close()`."""
    return await clickhouse_connect.get_async_client(**_arguments(settings, reader=reader))


def wait_for_clickhouse(address: str, stop: threading.Event) -> bool:
    """Wait until ClickHouse answers at this address; return False when `stop` is set before.

    Says which address it waits for, at once and then every 10 s. Raises FatalError for an address that can't be used.
    """
    where = parse_address(address)
    wait_seconds, unsaid_seconds = 0.1, _SAY_EACH_SECONDS
    while not stop.is_set():
        if (problem := _problem(where)) is None:
            return True
        if unsaid_seconds >= _SAY_EACH_SECONDS:
            logger.warning("ClickHouse does not answer at %s (%s): trying again until it does", where, problem)
            unsaid_seconds = 0.0
        stop.wait(wait_seconds)
        unsaid_seconds += wait_seconds
        wait_seconds = min(wait_seconds * 2, _WAIT_SECONDS_MAX)
    return False


def _problem(where: Address) -> str | None:
    """Return why ClickHouse does not answer, None when it does."""
    try:
        with _opener(where.host).open(f"{where}/ping", timeout=_WAIT_SECONDS_MAX) as reply:
            return None if reply.read(3) == b"Ok." else "another server answers there"
    except urllib.error.URLError as error:
        return str(error.reason)
    except (OSError, HTTPException) as error:
        return str(error) or type(error).__name__


def _opener(host: str) -> urllib.request.OpenerDirector:
    straight = [urllib.request.ProxyHandler({})] if host in _THIS_MACHINE else []
    return urllib.request.build_opener(*straight)


def _arguments(settings: Settings, *, reader: bool) -> dict[str, Any]:
    if settings.clickhouse is None:
        raise FatalError(
            "No ClickHouse is named: set PIPELINE_CLICKHOUSE, or start the embedded one with `pipeline up`"
        )
    where = parse_address(settings.clickhouse)
    default = settings.clickhouse_reader_password if reader else settings.clickhouse_password
    named = "" if reader else where.password
    return {
        "interface": where.scheme,
        "host": where.host,
        "port": where.port,
        "username": settings.clickhouse_reader if reader else where.user,
        "password": named or default.get_secret_value(),
        "database": where.database or "default",
        "autogenerate_session_id": False,
        "compress": False,
    }


def _pool(host: str) -> PoolManager | None:
    """Return connections for this machine that go straight there, whatever proxy the environment names."""
    return default_pool_manager() if host in _THIS_MACHINE else None


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _unusable(why: str) -> FatalError:
    return FatalError(
        f"PIPELINE_CLICKHOUSE can't be used: {why}. Give http://[user:password@]host:port[/database], "
        "for example http://127.0.0.1:8123"
    )
