"""A proxy for bytes, between workers and Kafka: it can cut them off."""

from __future__ import annotations

import asyncio
import contextlib
from enum import StrEnum

_CHUNK_BYTES = 256 * 1024


class TcpMode(StrEnum):
    """What happens to connections: `REFUSE` ends them all, `SILENCE` keeps them and lets nothing through."""

    PASS = "pass"
    REFUSE = "refuse"
    SILENCE = "silence"


class TcpProxy:
    """Listens on one port of this machine and passes on to another."""

    def __init__(self, host: str, port: int, target_port: int) -> None:
        self._host = host
        self._port = port
        self._target_port = target_port
        self._mode = TcpMode.PASS
        self._passing = asyncio.Event()
        self._passing.set()
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._connected, self._host, self._port, limit=_CHUNK_BYTES)

    def set_mode(self, mode: TcpMode) -> None:
        """Change what happens, to open connections too."""
        self._mode = mode
        if mode is TcpMode.PASS:
            self._passing.set()
        else:
            self._passing.clear()
        if mode is TcpMode.REFUSE:
            for writer in list(self._open):
                writer.transport.abort()

    async def stop(self) -> None:
        """End every connection, and listen no more."""
        self.set_mode(TcpMode.REFUSE)
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if self._mode is not TcpMode.REFUSE:
                await self._passing.wait()
                await self._join(reader, writer)
        except OSError:
            pass
        finally:
            self._open.discard(writer)
            self._tasks.discard(task)
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection(self._host, self._target_port, limit=_CHUNK_BYTES)
        self._open.add(server_writer)
        try:
            there = asyncio.create_task(self._copy(reader, server_writer))
            back = asyncio.create_task(self._copy(server_reader, writer))
            await asyncio.wait((there, back), return_when=asyncio.FIRST_COMPLETED)
            for task in (there, back):
                task.cancel()
        finally:
            self._open.discard(server_writer)
            server_writer.transport.abort()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(_CHUNK_BYTES):
                await self._passing.wait()
                writer.write(chunk)
                await writer.drain()
