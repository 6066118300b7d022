"""A real HTTP server that takes, fails, hangs, puts off, comes back, breaks off, and answers megabytes."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web

Behaviour = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Received:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes
    connection: int


@dataclass
class Receiver:
    """What came, and what is to be done with the next ones: each behaviour once, the last one from then on."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    behaviours: list[Behaviour] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        transport = request.transport
        assert transport is not None
        port = transport.get_extra_info("peername")[1]
        self.received.append(Received(request.path, dict(request.headers), body, port))
        behaviour = self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]
        return await behaviour(request)

    def will(self, *behaviours: Behaviour) -> None:
        self.behaviours[:] = behaviours


def answers(status: int = 200, text: str = "ok", **headers: str) -> Behaviour:
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def behave(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=text, headers=named)

    return behave


def answers_json(text: str) -> Behaviour:
    async def behave(request: web.Request) -> web.StreamResponse:
        return web.Response(text=text, content_type="application/json")

    return behave


def echoes(status: int) -> Behaviour:
    """Answer with everything that came: address, headers, body."""

    async def behave(request: web.Request) -> web.StreamResponse:
        text = f"{request.url} {request.path} {dict(request.headers)} {(await request.read()).decode()}"
        return web.Response(status=status, text=text)

    return behave


async def names_the_last_part(request: web.Request) -> web.StreamResponse:
    return web.Response(status=404, text=f"there is no {request.path.rpartition('/')[2]}")


async def hangs(request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError("never")


async def closes_before_it_answers(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


def closes_in_the_middle(status: int) -> Behaviour:
    async def behave(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=status, headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"half of")
        assert request.transport is not None
        request.transport.close()
        return response

    return behave


def hangs_in_the_middle(status: int) -> Behaviour:
    async def behave(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=status, headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"half of")
        await asyncio.Event().wait()
        return response

    return behave


def answers_megabytes(status: int) -> Behaviour:
    async def behave(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=status)
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):  # whoever asked does not want it all
            for _ in range(300):
                await response.write(b"x" * 100_000)
        return response

    return behave


@contextlib.asynccontextmanager
async def http_receiver(tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """Run a receiver on a free port."""
    receiver = Receiver(behaviours=[answers()])
    app = web.Application(client_max_size=2**24)
    app.router.add_route("*", "/{path:.*}", receiver.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    receiver.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield receiver
    finally:
        await runner.cleanup()
