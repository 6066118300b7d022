"""What an error of ClickHouse means for a batch: its rows are bad, or the server can't take them now."""

from __future__ import annotations

import re

from clickhouse_connect.driver.exceptions import ClickHouseError, Error

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


def is_bad_rows(error: ClickHouseError) -> bool:
    """Return whether ClickHouse refused an insert for what is in its rows."""
    return isinstance(error, Error) and error.code in BAD_ROWS


def first_line(error: BaseException) -> str:
    """Return what an error says, for one line of a log or a dead letter; of a failed connection, its root cause."""
    if isinstance(error, Error) and error.code is None:
        while error.__cause__ is not None:
            error = error.__cause__
    text = _AROUND.sub("", " ".join(str(error).split()))
    return text if len(text) <= _CHARACTERS else f"{text[:_CHARACTERS]}…"
