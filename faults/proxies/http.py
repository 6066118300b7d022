"""A proxy for requests, between the lander and ClickHouse: it can refuse, delay, and lie about what was written."""

from __future__ import annotations

import asyncio
import itertools
from enum import StrEnum
from http import HTTPStatus

import aiohttp
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

SLOW_SECONDS = 3.0
_BODY_BYTES = 256 * 1024 * 1024
_LINE_BYTES = 1024 * 1024
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "te", "trailer", "upgrade"}
_NOT_ADDED = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
_HONEST_EVERY = 4
_LIE = "Code: 1000. DB::Exception: the fault machine says so, after it was written. (POCO_EXCEPTION)"


class HttpMode(StrEnum):
    """`ERROR_AFTER`: three of four requests are answered with 500 after ClickHouse has answered 200."""

    PASS = "pass"
    REFUSE = "refuse"
    SLOW = "slow"
    ERROR_AFTER = "error_after"


class HttpProxy:
    """Listens on one port of this machine and passes requests on to another."""

    def __init__(self, host: str, port: int, target_port: int) -> None:
        self.mode = HttpMode.PASS
        self._host = host
        self._port = port
        self._target = f"http://{host}:{target_port}"
        self._counter = itertools.count(1)
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen."""
        self._session = aiohttp.ClientSession(auto_decompress=False, timeout=aiohttp.ClientTimeout())
        app = web.Application(client_max_size=_BODY_BYTES)
        app.router.add_route("*", "/{path:.*}", self._answer)
        # Bodies are passed on as they are.
        self._runner = web.AppRunner(app, auto_decompress=False, access_log=None, max_line_size=_LINE_BYTES)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port, reuse_address=True).start()

    async def stop(self) -> None:
        """Listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if self._refuses():
            return _hang_up(request)
        if self.mode is HttpMode.SLOW:
            await asyncio.sleep(SLOW_SECONDS)
        try:
            answer = await self._ask(request, body)
        except (aiohttp.ClientError, OSError):
            return _hang_up(request)
        if self._refuses():
            return _hang_up(request)
        if self.mode is HttpMode.ERROR_AFTER and answer.status == HTTPStatus.OK and next(self._counter) % _HONEST_EVERY:
            return web.Response(status=HTTPStatus.INTERNAL_SERVER_ERROR, text=_LIE)
        return answer

    def _refuses(self) -> bool:
        return self.mode is HttpMode.REFUSE

    async def _ask(self, request: web.Request, body: bytes) -> web.Response:
        assert self._session is not None
        url = URL(f"{self._target}{request.raw_path}", encoded=True)
        headers = _passed_on(request.headers)
        asked = self._session.request(request.method, url, headers=headers, data=body, skip_auto_headers=_NOT_ADDED)
        async with asked as got:
            return web.Response(status=got.status, headers=_passed_on(got.headers), body=await got.read())


def _passed_on(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    kept: CIMultiDict[str] = CIMultiDict()
    for name, value in headers.items():
        if name.lower() not in _HOP_BY_HOP:
            kept.add(name, value)
    return kept


def _hang_up(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=HTTPStatus.BAD_GATEWAY)
