"""The embedded ClickHouse's HTTP server: the part of the interface that clickhouse-connect and curl use."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

from aiohttp import web

from pipeline.embedded.clickhouse_engine import Engine, Handle
from pipeline.embedded.clickhouse_errors import ServerError
from pipeline.embedded.clickhouse_guard import Guard, check_get, check_origin
from pipeline.embedded.clickhouse_reply import Reply
from pipeline.embedded.clickhouse_request import Query, read
from pipeline.embedded.clickhouse_sessions import Sessions
from pipeline.embedded.clickhouse_statement import Statement, parse
from pipeline.embedded.clickhouse_users import User, identify

WRITER_THREADS = 16
READER_THREADS = 8
_REAP_SECONDS = 1.0


class Server:
    """Answers requests. Each gets a handle of its own, or its session's, and runs in a thread of its user's pool."""

    def __init__(self, engine: Engine, users: dict[str, User], max_body_bytes: int) -> None:
        self._engine = engine
        self._users = users
        self._max_body_bytes = max_body_bytes
        self._guard = Guard(engine.table_functions)
        self._sessions = Sessions()
        # Apart, so that slow questions never keep an insert waiting.
        self._writers = ThreadPoolExecutor(WRITER_THREADS, "writer")
        self._readers = ThreadPoolExecutor(READER_THREADS, "reader")

    def app(self) -> web.Application:
        """Return the application, to be served by a runner with auto_decompress=False: bodies are unpacked here."""
        app = web.Application(client_max_size=self._max_body_bytes)
        for path in ("/ping", "/replicas_status"):
            app.router.add_get(path, _ping)
        app.router.add_get("/", self._answer)
        app.router.add_post("/", self._answer)
        app.cleanup_ctx.append(self._reaping)
        return app

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.method in {"GET", "HEAD"} and not request.query.get("query"):
            return await _ping(request)
        reply = Reply(request, self._engine.version, self._engine.timezone)
        try:
            user = identify(self._users, request.headers, request.query)
            if not user.password:
                check_origin(request.headers)
            query = await read(request, self._max_body_bytes)
            reply.about(query)
            await self._run(user, query, reply)
        except ServerError as error:
            await reply.fail(error)
        return reply.response

    async def _run(self, user: User, query: Query, reply: Reply) -> None:
        run = functools.partial(asyncio.get_running_loop().run_in_executor, self._pool(user))
        statement = await run(self._parse, user, query)
        async with self._handle(user, query) as handle:
            answer = await run(handle.run, statement, query)
            await run(reply.pack, answer.first)
            if answer.more:
                await reply.begin(answer)
                while piece := await run(handle.next_piece):
                    await run(reply.pack, piece)
                    await reply.send()
                await reply.end()
            else:
                reply.whole(answer)

    def _pool(self, user: User) -> ThreadPoolExecutor:
        return self._readers if user.read_only else self._writers

    def _parse(self, user: User, query: Query) -> Statement:
        statement = parse(query.text)
        if query.reads_only:
            check_get(statement)
        if user.read_only:
            self._guard.check(statement, query.parameters)
        return statement

    def _handle(self, user: User, query: Query) -> contextlib.AbstractAsyncContextManager[Handle]:
        return self._session_handle(user, query) if query.session_id else self._fresh_handle(user)

    @contextlib.asynccontextmanager
    async def _fresh_handle(self, user: User) -> AsyncIterator[Handle]:
        loop, pool = asyncio.get_running_loop(), self._pool(user)
        handle = await loop.run_in_executor(pool, self._engine.open, user)
        try:
            yield handle
        finally:
            await loop.run_in_executor(pool, handle.close)

    @contextlib.asynccontextmanager
    async def _session_handle(self, user: User, query: Query) -> AsyncIterator[Handle]:
        loop, pool = asyncio.get_running_loop(), self._pool(user)
        key = (user.name, query.session_id)
        session = self._sessions.take(key, must_exist=query.session_must_exist)
        keep = False
        try:
            if session.handle is None:
                session.handle = await loop.run_in_executor(pool, self._engine.open, user)
            handle = session.handle
            try:
                yield handle
            finally:
                keep = await loop.run_in_executor(pool, handle.undo) and not query.session_ends
        finally:
            if keep:
                self._sessions.give_back(key, _now_ms() + query.session_seconds * 1000)
            elif dropped := self._sessions.drop(key):
                await loop.run_in_executor(pool, dropped.close)

    async def _reaping(self, app: web.Application) -> AsyncIterator[None]:
        del app
        task = asyncio.create_task(self._reap())
        yield
        task.cancel()

    async def _reap(self) -> None:
        while True:
            await asyncio.sleep(_REAP_SECONDS)
            for handle in self._sessions.reap(_now_ms()):
                await asyncio.get_running_loop().run_in_executor(self._writers, handle.close)


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


async def _ping(request: web.Request) -> web.Response:
    del request
    return web.Response(text="Ok.\n", headers={"X-ClickHouse-Server-Display-Name": "embedded"})
