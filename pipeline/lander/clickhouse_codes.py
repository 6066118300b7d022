"""What an error of ClickHouse means for a batch: its rows are bad, too many at once, or can't be taken now."""

from __future__ import annotations

import re
from collections.abc import Iterator

from clickhouse_connect.driver.exceptions import ClickHouseError, Error
from urllib3.exceptions import ReadTimeoutError

_CHARACTERS = 500
_AROUND = re.compile(r"^.*?(?=Code: \d+\. DB::Exception)| \(version [\d.]+.*$")
"""What clickhouse-connect and the server put around the message."""

BAD_ROWS = {
    6: "CANNOT_PARSE_TEXT",
    26: "CANNOT_PARSE_QUOTED_STRING",
    27: "CANNOT_PARSE_INPUT_ASSERTION_FAILED",
    38: "CANNOT_PARSE_DATE",
    41: "CANNOT_PARSE_DATETIME",
    53: "TYPE_MISMATCH",
    69: "ARGUMENT_OUT_OF_BOUND",
    70: "CANNOT_CONVERT_TYPE",
    72: "CANNOT_PARSE_NUMBER",
    117: "INCORRECT_DATA",
    131: "TOO_LARGE_STRING_SIZE",
    321: "VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE",
    349: "CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN",
    407: "DECIMAL_OVERFLOW",
    469: "VIOLATED_CONSTRAINT",
}
"""Errors that the same rows bring back each time. Everything else may pass, or be mended, while the batch waits."""

TOO_MUCH = {241: "MEMORY_LIMIT_EXCEEDED", 307: "TOO_MANY_BYTES"}
"""Errors that fewer rows in one insert may not bring."""

GONE = {60: "UNKNOWN_TABLE", 81: "UNKNOWN_DATABASE"}
"""Errors that stay until somebody puts back what was dropped."""

_NO_SPACE = {243: "NOT_ENOUGH_SPACE"}
_NO_SPACE_TEXT = "No space left on device"
_NO_ANSWER = (TimeoutError, ReadTimeoutError)


def is_bad_rows(error: ClickHouseError) -> bool:
    """Return whether ClickHouse refused an insert for what is in its rows."""
    return isinstance(error, Error) and error.code in BAD_ROWS


def is_too_much(error: ClickHouseError) -> bool:
    """Return whether an insert of fewer rows may be taken where this one was not."""
    return isinstance(error, Error) and error.code in TOO_MUCH


def is_gone(error: ClickHouseError) -> bool:
    """Return whether the table or its database is not there."""
    return isinstance(error, Error) and error.code in GONE


def is_disk_full(error: ClickHouseError) -> bool:
    """Return whether ClickHouse has no room to write."""
    return isinstance(error, Error) and (error.code in _NO_SPACE or _NO_SPACE_TEXT in str(error))


def is_no_answer(error: ClickHouseError) -> bool:
    """Return whether the server was reached and said nothing for too long."""
    return any(isinstance(cause, _NO_ANSWER) for cause in _causes(error))


def first_line(error: BaseException) -> str:
    """Return what an error says, for one line of a log or a dead letter; of a failed connection, its root cause."""
    if isinstance(error, Error) and error.code is None:
        *_, error = _causes(error)
    text = _AROUND.sub("", " ".join(str(error).split()))
    return text if len(text) <= _CHARACTERS else f"{text[:_CHARACTERS]}…"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and what it came from, the root last."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__
