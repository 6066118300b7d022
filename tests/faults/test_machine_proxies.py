"""The fault machine's proxies: what passes, what is cut off, and what is said though it is not so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from faults.ports import lasting_port
from faults.proxies.http import HttpMode, HttpProxy
from faults.proxies.tcp import TcpMode, TcpProxy
from pipeline.embedded.ports import LOOPBACK


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(65_536):
        writer.write(chunk)
        await writer.drain()
    writer.close()


@asynccontextmanager
async def tcp() -> AsyncIterator[tuple[TcpProxy, int]]:
    target, port = lasting_port(), lasting_port()
    server = await asyncio.start_server(echo, LOOPBACK, target)
    proxy = TcpProxy(LOOPBACK, port, target)
    await proxy.start()
    try:
        yield proxy, port
    finally:
        await proxy.stop()
        server.close()


async def asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, text: bytes) -> bytes:
    writer.write(text)
    await writer.drain()
    return await asyncio.wait_for(reader.readexactly(len(text)), 5)


async def test_bytes_pass_unchanged() -> None:
    async with tcp() as (_, port):
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        text = bytes(range(256)) * 4_096
        assert await asked(reader, writer, text) == text
        writer.close()


async def test_refusing_ends_connections_and_lets_none_in_until_it_passes_again() -> None:
    async with tcp() as (proxy, port):
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        await asked(reader, writer, b"before")
        proxy.set_mode(TcpMode.REFUSE)
        with pytest.raises((OSError, asyncio.IncompleteReadError)):
            await asked(reader, writer, b"while")
        again, other = await asyncio.open_connection(LOOPBACK, port)
        with pytest.raises((OSError, asyncio.IncompleteReadError)):
            await asked(again, other, b"while")
        proxy.set_mode(TcpMode.PASS)
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        assert await asked(reader, writer, b"after") == b"after"
        writer.close()


async def test_silence_keeps_connections_and_what_was_sent_comes_later() -> None:
    async with tcp() as (proxy, port):
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        await asked(reader, writer, b"before")
        proxy.set_mode(TcpMode.SILENCE)
        writer.write(b"while")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.readexactly(5), 0.3)
        proxy.set_mode(TcpMode.PASS)
        assert await asyncio.wait_for(reader.readexactly(5), 5) == b"while"
        writer.close()


@asynccontextmanager
async def http(bodies: list[bytes]) -> AsyncIterator[tuple[HttpProxy, str]]:
    """A proxy before a server that notes what is written and tells path, query and body back."""

    async def note(request: web.Request) -> web.Response:
        bodies.append(await request.read())
        return web.Response(body=request.raw_path.encode() + b" " + bodies[-1], headers={"X-ClickHouse-Summary": "{}"})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", note)
    runner = web.AppRunner(app, auto_decompress=False)
    await runner.setup()
    target, port = lasting_port(), lasting_port()
    await web.TCPSite(runner, LOOPBACK, target).start()
    proxy = HttpProxy(LOOPBACK, port, target)
    await proxy.start()
    try:
        yield proxy, f"http://{LOOPBACK}:{port}"
    finally:
        await proxy.stop()
        await runner.cleanup()


async def test_requests_pass_unchanged_compressed_ones_too() -> None:
    bodies: list[bytes] = []
    async with http(bodies) as (_, address), aiohttp.ClientSession() as session:
        body = b"\x1f\x8b not really gzip"
        url = f"{address}/?query=INSERT%20INTO%20t%20FORMAT%20Native&a=%2B"
        async with session.post(url, data=body, headers={"Content-Encoding": "gzip"}) as reply:
            assert reply.headers["X-ClickHouse-Summary"] == "{}"
            assert await reply.read() == b"/?query=INSERT%20INTO%20t%20FORMAT%20Native&a=%2B " + body
    assert bodies == [body]


async def test_a_lie_is_told_after_it_was_written() -> None:
    bodies: list[bytes] = []
    async with http(bodies) as (proxy, address), aiohttp.ClientSession() as session:
        proxy.mode = HttpMode.ERROR_AFTER
        statuses = []
        for _ in range(8):
            async with session.post(address, data=b"rows") as reply:
                statuses.append(reply.status)
    assert bodies == [b"rows"] * 8
    assert statuses.count(500) == 6
    assert statuses.count(200) == 2


async def test_refusing_hangs_up_before_anything_is_written() -> None:
    bodies: list[bytes] = []
    async with http(bodies) as (proxy, address), aiohttp.ClientSession() as session:
        proxy.mode = HttpMode.REFUSE
        with pytest.raises(aiohttp.ClientError):
            await session.post(address, data=b"rows")
    assert bodies == []
