"""Errors as ClickHouse's HTTP interface tells them: a number, a text, a status."""

from __future__ import annotations

import re

SYNTAX_ERROR = 62
QUERY_NOT_ALLOWED = 392
READONLY = 164
BAD_ARGUMENTS = 36
NOT_IMPLEMENTED = 48
UNKNOWN_FORMAT = 73
UNKNOWN_SETTING = 115
TOO_MANY_SIMULTANEOUS_QUERIES = 202
NOT_ENOUGH_SPACE = 243
CANNOT_DECOMPRESS = 271
SESSION_NOT_FOUND = 372
SESSION_IS_LOCKED = 373
INVALID_SESSION_TIMEOUT = 374
AUTHENTICATION_FAILED = 516
TOO_MANY_BYTES = 307
UNKNOWN_EXCEPTION = 1002

_NAMES = {
    SYNTAX_ERROR: "SYNTAX_ERROR",
    QUERY_NOT_ALLOWED: "QUERY_NOT_ALLOWED",
    READONLY: "READONLY",
    BAD_ARGUMENTS: "BAD_ARGUMENTS",
    NOT_IMPLEMENTED: "NOT_IMPLEMENTED",
    UNKNOWN_FORMAT: "UNKNOWN_FORMAT",
    UNKNOWN_SETTING: "UNKNOWN_SETTING",
    TOO_MANY_SIMULTANEOUS_QUERIES: "TOO_MANY_SIMULTANEOUS_QUERIES",
    NOT_ENOUGH_SPACE: "NOT_ENOUGH_SPACE",
    CANNOT_DECOMPRESS: "CANNOT_DECOMPRESS",
    SESSION_NOT_FOUND: "SESSION_NOT_FOUND",
    SESSION_IS_LOCKED: "SESSION_IS_LOCKED",
    INVALID_SESSION_TIMEOUT: "INVALID_SESSION_TIMEOUT",
    AUTHENTICATION_FAILED: "AUTHENTICATION_FAILED",
    TOO_MANY_BYTES: "TOO_MANY_BYTES",
    UNKNOWN_EXCEPTION: "UNKNOWN_EXCEPTION",
}

# Which status a number gets, as the real server has it: the unknown is 404, the wrongly asked 400, the rest 500.
_FORBIDDEN = {192, 193, AUTHENTICATION_FAILED}
_NOT_FOUND = {46, 47, 50, 56, 60, 63, UNKNOWN_FORMAT, 81, 99, UNKNOWN_SETTING, 475}
_BAD_REQUEST = {
    6,
    26,
    27,
    33,
    34,
    BAD_ARGUMENTS,
    38,
    41,
    53,
    SYNTAX_ERROR,
    69,
    70,
    72,
    117,
    CANNOT_DECOMPRESS,
    386,
    456,
    457,
}
_OTHER = {NOT_IMPLEMENTED: 501, 159: 408, 209: 503, 439: 503, TOO_MANY_BYTES: 413, QUERY_NOT_ALLOWED: 403}

_PREFIX = re.compile(r"^(?:[A-Za-z ]+: )?Code: (\d+)\. DB::Exception: ", re.DOTALL)
_VERSION = re.compile(r"\s*\(version [^()]*(?:\([^()]*\))?\)")


class ServerError(Exception):
    """A request that failed: ClickHouse's number and its text, without number, name of the error or version."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text

    @property
    def status(self) -> int:
        """The HTTP status that the real server answers for this number."""
        if self.code in _FORBIDDEN:
            return 403
        if self.code in _NOT_FOUND:
            return 404
        if self.code in _BAD_REQUEST:
            return 400
        return _OTHER.get(self.code, 500)

    def message(self, version: str) -> str:
        """The text as a ClickHouse of this version prints it, with a newline at its end."""
        name = _NAMES.get(self.code)
        named = f"{self.text} ({name})" if name and not self.text.endswith(")") else self.text
        return f"Code: {self.code}. DB::Exception: {named} (version {version} (official build))\n"


def from_engine(error: Exception) -> ServerError:
    """Return what chDB raised as an error with ClickHouse's number; 1002 when chDB gave none."""
    text, code = _VERSION.sub("", str(error)).strip(), 0
    while found := _PREFIX.match(text):
        code, text = int(found[1]), text[found.end() :]
    return ServerError(code or UNKNOWN_EXCEPTION, re.sub(r"(\([A-Z_]+\))(?:\.?\s*\1)+$", r"\1", text))
