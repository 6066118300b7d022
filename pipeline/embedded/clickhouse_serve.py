"""The process that is the embedded ClickHouse: its arguments, its port, and how it ends."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import socket
import sys
from pathlib import Path

from aiohttp import web

from pipeline.embedded.clickhouse_engine import Engine
from pipeline.embedded.clickhouse_guard import is_loopback
from pipeline.embedded.clickhouse_server import Server
from pipeline.embedded.clickhouse_users import users
from pipeline.errors import FatalError

MAX_BODY_BYTES = 256 * 1024 * 1024
PASSWORD = "PIPELINE_CLICKHOUSE_PASSWORD"  # noqa: S105 - the name of a variable
READER_PASSWORD = "PIPELINE_CLICKHOUSE_READER_PASSWORD"  # noqa: S105 - the name of a variable
_URL_BYTES = 1024 * 1024
_KEEP_SECONDS = 3600.0
"""Longer than clients keep a connection, so that none is closed just when a client sends an insert by it."""
_GRACE_SECONDS = 2.0
_CLOSE_SECONDS = 3.0


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; with 2, not at all: a FatalError says why."""
    options = _options(arguments)
    try:
        return asyncio.run(_serve(options))
    except FatalError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)  # noqa: T201 - it is a command
        return 2


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m pipeline.embedded.clickhouse", description=__doc__)
    parser.add_argument("--path", type=Path, required=True, help="folder of the tables")
    parser.add_argument("--host", default="127.0.0.1", help=f"address to listen at; others need {PASSWORD}")
    parser.add_argument("--port", type=int, default=8123, help="0 takes a free one")
    parser.add_argument("--print-port", action="store_true", help="print the port, once it answers")
    parser.add_argument("--max-body-bytes", type=int, default=MAX_BODY_BYTES, help="largest request, unpacked")
    return parser.parse_args(arguments)


async def _serve(options: argparse.Namespace) -> int:
    password, reader_password = os.environ.get(PASSWORD, ""), os.environ.get(READER_PASSWORD, "")
    _check_passwords(options.host, password, reader_password)
    listener = _listen(options.host, options.port)
    stop = asyncio.Event()
    engine = Engine(options.path.resolve())
    server = Server(engine, users(password, reader_password), options.max_body_bytes)
    runner = web.AppRunner(
        server.app(),
        auto_decompress=False,  # bodies have encodings that aiohttp doesn't know, and frames that it would lose
        access_log=None,
        shutdown_timeout=_GRACE_SECONDS,
        keepalive_timeout=_KEEP_SECONDS,
        max_line_size=_URL_BYTES,
    )
    await runner.setup()
    await web.SockSite(runner, listener).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if options.print_port:
        print(listener.getsockname()[1], flush=True)  # noqa: T201 - it is a command
    await stop.wait()
    await runner.cleanup()
    await _close(engine)
    # Threads may still be in a query: what was acknowledged is on the disk, so they are not waited for.
    os._exit(0)


async def _close(engine: Engine) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.to_thread(engine.close), _CLOSE_SECONDS)


def _check_passwords(host: str, password: str, reader_password: str) -> None:
    if not is_loopback(host) and not (password and reader_password):
        missing = " and ".join(n for n, v in ((PASSWORD, password), (READER_PASSWORD, reader_password)) if not v)
        raise FatalError(
            f"The embedded ClickHouse may listen at {host} only with passwords, because its SQL can do all that "
            f"you can do on this machine: set {missing}, or listen at 127.0.0.1."
        )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise FatalError(
            f"The embedded ClickHouse can't listen at {host}:{port}: {error.strerror or error}. "
            "Choose another port by PIPELINE_CLICKHOUSE_PORT (0 takes a free one), or stop what listens there."
        ) from None
    listener.setblocking(False)  # noqa: FBT003 - its only parameter
    return listener
