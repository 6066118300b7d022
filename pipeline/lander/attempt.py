"""One attempt to insert, and what its failure means: never again, in smaller pieces, or the same again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import pyarrow as pa
from clickhouse_connect.driver.exceptions import ClickHouseError
from urllib3 import Timeout

from pipeline.errors import RejectedEvent, RetryableError
from pipeline.lander.clickhouse_codes import first_line, is_bad_rows, is_disk_full, is_gone, is_no_answer, is_too_much
from pipeline.lander.rows import Piece
from pipeline.lander.tables import Table

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 30.0
"""An insert that ClickHouse says nothing about for so long is tried again, on another connection."""
ANSWER_SECONDS_MAX = 300.0
"""The longest that an insert may take: each time that none was answered the next one has twice as long, up to this."""
_SETTINGS = {"async_insert": 0, "input_format_null_as_default": 1}
_FULLEST_DISK = "SELECT path FROM system.disks ORDER BY free_space LIMIT 1"


class Summary(Protocol):
    """What ClickHouse says of an insert that it acknowledges."""

    summary: dict[str, str]


class ArrowClient(Protocol):
    """The part of a clickhouse-connect client that inserting needs."""

    timeout: Timeout

    def insert_arrow(self, table: str, arrow_table: pa.Table, database: str, settings: dict[str, int]) -> Summary:
        """Insert a table and return once it is acknowledged."""

    def command(self, cmd: str) -> object:
        """Run a query that returns one value."""


class NoAnswerError(RetryableError):
    """The server took the insert and did not answer in time: it may have been written."""


class TooMuchAtOnceError(RetryableError):
    """The server can't take so many rows in one insert, now or ever."""


class GoneError(RetryableError):
    """The table or its database is not there."""


def insert(
    connect: Callable[[], ArrowClient], database: str, table: Table, piece: Piece, answer_seconds: float
) -> None:
    """Insert a piece and return once it is acknowledged.

    Raises RejectedEvent when its rows are refused, and RetryableError, or one of those above, for everything else.
    """
    try:
        client = connect()
        client.timeout = Timeout(connect=CONNECT_SECONDS, read=answer_seconds)
        said = client.insert_arrow(table.name, piece.table, database, _SETTINGS).summary
    except ClickHouseError as error:
        if is_bad_rows(error):
            raise RejectedEvent(first_line(error)) from error
        if is_no_answer(error):
            raise NoAnswerError(f"no answer within {answer_seconds:g} s") from error
        if is_disk_full(error):
            raise RetryableError(f"the disk is full: make room under {_where(connect)}. {first_line(error)}") from error
        kind = TooMuchAtOnceError if is_too_much(error) else GoneError if is_gone(error) else RetryableError
        raise kind(first_line(error)) from error
    if "written_rows" not in said:  # a page of some proxy, with status 200: clickhouse-connect takes it for an answer
        raise RetryableError("something else than ClickHouse answers there, and acknowledges inserts")


def _where(connect: Callable[[], ArrowClient]) -> str:
    try:
        return str(connect().command(_FULLEST_DISK))
    except ClickHouseError:
        return "its folder"
