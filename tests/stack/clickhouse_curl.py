"""Requests to the embedded ClickHouse as curl sends them."""

from __future__ import annotations

import urllib.parse
import uuid
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest


class Curl:
    """Sends requests as they are given: no encoding, no session of its own."""

    def __init__(self, http: aiohttp.ClientSession, address: str) -> None:
        self._http = http
        self.address = address

    async def __call__(
        self, body: Any = None, *, method: str = "POST", headers: dict[str, str] | None = None, **url: Any
    ) -> tuple[int, Any, bytes]:
        """Return status, headers, body."""
        where = f"{self.address}/?{urllib.parse.urlencode(url)}"
        async with self._http.request(method, where, data=body, headers=headers or {}) as reply:
            return reply.status, reply.headers, await reply.read()

    async def text(self, sql: str, **url: Any) -> str:
        status, _, body = await self(sql, **url)
        assert status == 200, body
        return body.decode().strip()


@pytest.fixture
async def curl(embedded_clickhouse: str) -> AsyncIterator[Curl]:
    async with aiohttp.ClientSession(auto_decompress=False, skip_auto_headers=["Accept-Encoding"]) as http:
        yield Curl(http, embedded_clickhouse)


@pytest.fixture
async def table(curl: Curl) -> AsyncIterator[str]:
    name = f"default.t{uuid.uuid4().hex}"
    await curl.text(f"CREATE TABLE {name} (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
    yield name
    await curl.text(f"DROP TABLE {name}")
