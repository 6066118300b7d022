"""Inserts: rows of one table into ClickHouse, in frozen pieces, tried again until they are taken or found bad."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import pyarrow as pa
from clickhouse_connect.driver.exceptions import ClickHouseError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from pipeline.errors import FatalError, RejectedEvent, RetryableError
from pipeline.lander.clickhouse_codes import first_line, is_bad_rows
from pipeline.lander.rows import Piece, Refusal, Rows, build, split
from pipeline.lander.tables import Table

THREADS = 4
HOPELESS_ROWS = 100
"""So many rows refused and none taken: it is not the rows, it is the table or this release."""
_SETTINGS = {"async_insert": 0, "input_format_null_as_default": 1}

log = logging.getLogger(__name__)


class ArrowClient(Protocol):
    """The part of a clickhouse-connect client that inserting needs."""

    def insert_arrow(self, table: str, arrow_table: pa.Table, database: str, settings: dict[str, int]) -> object:
        """Insert a table and return once it is acknowledged."""


class Inserter:
    """Inserts into one database. `connect` makes a client; each thread has its own. `address` is for messages."""

    def __init__(self, connect: Callable[[], ArrowClient], database: str, address: str, max_rows: int) -> None:
        self._connect = connect
        self._database = database
        self._address = address
        self._max_rows = max_rows
        self._threads = ThreadPoolExecutor(THREADS, "insert")
        self._local = threading.local()

    async def land(self, rows: Rows) -> list[Refusal]:
        """Insert rows and return those that can't be: once this returns, all others are acknowledged.

        Waits as long as ClickHouse is away. Landing the same rows again changes nothing. Raises FatalError when
        ClickHouse refuses one row after the other: then nothing may be committed.
        """
        loop = asyncio.get_running_loop()
        pieces, refusals = await loop.run_in_executor(self._threads, build, rows)
        for piece in pieces:
            for part in split(piece, rows.table.day, self._max_rows):
                refusals += await self._bisect(rows.table, part)
        return refusals

    def close(self) -> None:
        """Let go of the threads; inserts under way are not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _bisect(self, table: Table, whole: Piece) -> list[Refusal]:
        """Insert a piece; when its rows are refused, its halves, down to the rows that are to blame."""
        refusals: list[Refusal] = []
        taken = False
        todo = [whole]
        while todo:
            piece = todo.pop()
            try:
                await self._insert(table, piece)
                taken = True
            except RejectedEvent as refused:
                if len(piece) > 1:
                    middle = len(piece) // 2
                    todo += [piece.slice(middle, len(piece)), piece.slice(0, middle)]
                    continue
                refusals.append(Refusal(int(piece.row_of[0]), refused.reason))
                if len(refusals) >= HOPELESS_ROWS and not taken:
                    raise FatalError(
                        f"ClickHouse at {self._address} refused {len(refusals)} rows of {self._database}.{table.name} "
                        f"one after the other and took none: {refused.reason}. Nothing was committed. Compare the "
                        "table with the migrations in pipeline/lander/migrations, then start the lander again"
                    ) from refused
        return refusals

    async def _insert(self, table: Table, piece: Piece) -> None:
        """Insert a piece, byte for byte the same until it is acknowledged; RejectedEvent when its rows are refused."""
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(RetryableError),
            wait=wait_random_exponential(multiplier=0.2, max=15),
            before_sleep=self._tell,
            reraise=True,
        ):
            with attempt:
                await asyncio.get_running_loop().run_in_executor(self._threads, self._attempt, table, piece)

    def _attempt(self, table: Table, piece: Piece) -> None:
        try:
            self._client().insert_arrow(table.name, piece.table, self._database, _SETTINGS)
        except ClickHouseError as error:
            if is_bad_rows(error):
                raise RejectedEvent(first_line(error)) from error
            raise RetryableError(f"ClickHouse at {self._address}: {first_line(error)}") from error

    def _client(self) -> ArrowClient:
        client: ArrowClient | None = getattr(self._local, "client", None)
        if client is None:
            client = self._local.client = self._connect()
        return client

    def _tell(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        wait_s = state.next_action.sleep if state.next_action else 0
        log.warning(
            "%s. What has not landed lies in Kafka; attempt %d in %.1f s", error, state.attempt_number + 1, wait_s
        )
