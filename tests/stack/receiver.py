"""A real HTTP receiver for notices, which answers as it is told: takes them, fails, hangs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Self

import msgspec
from aiohttp import web

from pipeline.embedded.ports import LOOPBACK, free_port

Answer = Callable[[dict[str, Any]], int]


class Receiver:
    """Keeps every request in `asked`, and in `taken` those that it answered with 200. `status` is its answer.

    With `free` cleared it takes a notice and does not answer until that is set.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.status = 200
        self.headers: dict[str, str] = {}
        self.free = asyncio.Event()
        self.free.set()
        self.asked: list[dict[str, Any]] = []
        self.taken: list[dict[str, Any]] = []
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}/notices"

    def told(self) -> list[str]:
        """What was taken, as `kind alert alert …`."""
        return [f"{one['kind']} {' '.join(alert['alert_id'] for alert in one['alerts'])}" for one in self.taken]

    def keys(self) -> list[str]:
        return [one["key"] for one in self.taken]

    async def start(self) -> Self:
        app = web.Application()
        app.router.add_post("/notices", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, self.port).start()
        return self

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, request: web.Request) -> web.Response:
        notice = msgspec.json.decode(await request.read())
        self.asked.append(notice)
        await self.free.wait()
        if self.status == 200:
            self.taken.append(notice)
        return web.Response(status=self.status, headers=self.headers)


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    found = await Receiver().start()
    try:
        yield found
    finally:
        found.free.set()
        await found.stop()
