"""Inserts: rows of one table into ClickHouse, in frozen pieces, tried again until they are taken or found bad."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from pipeline.errors import FatalError, RejectedEvent, RetryableError
from pipeline.lander.attempt import (
    ANSWER_SECONDS,
    ANSWER_SECONDS_MAX,
    ArrowClient,
    GoneError,
    NoAnswerError,
    TooMuchAtOnceError,
    insert,
)
from pipeline.lander.rows import Piece, Refusal, Rows, build, split
from pipeline.lander.tables import Table
from pipeline.lander.threads import LooseThreads

THREADS = 4
HOPELESS_ROWS = 100
"""So many rows refused and none taken: it is not the rows, it is the table or this release."""
WAIT_SECONDS_MAX = 5.0
"""The longest pause between two attempts: how long ClickHouse may be back before anything lands."""
_TOO_MUCH_ATTEMPTS = 3
_GONE_ATTEMPTS = 20

log = logging.getLogger(__name__)


class Inserter:
    """Inserts into one database. `connect` makes a client; each thread has its own. `address` is for messages."""

    def __init__(self, connect: Callable[[], ArrowClient], database: str, address: str, max_rows: int) -> None:
        self._connect = connect
        self._database = database
        self._address = address
        self._max_rows = max_rows
        self._threads = LooseThreads(THREADS, "insert")
        self._local = threading.local()

    async def land(self, rows: Rows) -> list[Refusal]:
        """Insert rows and return those that can't be: once this returns, all others are acknowledged.

        Waits as long as ClickHouse is away. Landing the same rows again changes nothing. Raises FatalError when
        ClickHouse refuses one row after the other, or the table is gone: then nothing may be committed.
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
        """Insert a piece; its halves when it is too large or rows are refused, down to those that are to blame."""
        refusals: list[Refusal] = []
        taken = False
        todo = [whole]
        while todo:
            piece = todo.pop()
            try:
                await self._insert(table, piece)
                taken = True
            except (RejectedEvent, TooMuchAtOnceError) as refused:
                if len(piece) > 1:
                    middle = len(piece) // 2
                    todo += [piece.slice(middle, len(piece)), piece.slice(0, middle)]
                    continue
                refusals.append(Refusal(int(piece.row_of[0]), str(refused)))
                if len(refusals) >= HOPELESS_ROWS and not taken:
                    raise FatalError(
                        f"ClickHouse at {self._address} refused {len(refusals)} rows of {self._database}.{table.name} "
                        f"one after the other and took none: {refused}. Nothing was committed. Compare the "
                        "table with the migrations in pipeline/lander/migrations, then start the lander again"
                    ) from refused
        return refusals

    async def _insert(self, table: Table, piece: Piece) -> None:
        """Insert a piece, byte for byte the same until it is acknowledged.

        Raises RejectedEvent when its rows are refused, TooMuchAtOnceError when there are too many, FatalError when
        there is no table any more.
        """
        try:
            await self._insert_with_patience(table, piece)
        except GoneError as gone:
            raise FatalError(
                f"{self._database}.{table.name} is gone from ClickHouse at {self._address}, with what had landed in "
                f"it: {gone}. Nothing more was committed. Restore the table; or drop the whole database and start the "
                "lander again, which makes it anew and goes on"
            ) from gone

    async def _insert_with_patience(self, table: Table, piece: Piece) -> None:
        answer_seconds = ANSWER_SECONDS
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(RetryableError),
            wait=wait_random_exponential(multiplier=0.2, max=WAIT_SECONDS_MAX),
            stop=lambda state: _gives_up(state, piece),
            before_sleep=self._tell,
            reraise=True,
        ):
            with attempt:
                try:
                    await asyncio.get_running_loop().run_in_executor(
                        self._threads, insert, self._client, self._database, table, piece, answer_seconds
                    )
                except NoAnswerError:
                    answer_seconds = min(2 * answer_seconds, ANSWER_SECONDS_MAX)
                    raise

    def _client(self) -> ArrowClient:
        client: ArrowClient | None = getattr(self._local, "client", None)
        if client is None:
            client = self._local.client = self._connect()
        return client

    def _tell(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        wait_s = state.next_action.sleep if state.next_action else 0
        log.warning(
            "ClickHouse at %s: %s. What has not landed lies in Kafka; attempt %d in %.1f s",
            *(self._address, error, state.attempt_number + 1, wait_s),
        )


def _gives_up(state: RetryCallState, piece: Piece) -> bool:
    """Tell whether the same insert is pointless by now."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, TooMuchAtOnceError):
        return len(piece) > 1 and state.attempt_number >= _TOO_MUCH_ATTEMPTS
    return isinstance(error, GoneError) and state.attempt_number >= _GONE_ATTEMPTS
