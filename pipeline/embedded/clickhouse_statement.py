"""One statement taken apart: what it is, the format it asks for, and the rows that follow an INSERT."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.embedded.clickhouse_errors import QUERY_NOT_ALLOWED, SYNTAX_ERROR, ServerError
from pipeline.embedded.clickhouse_tokens import Token, tokens

_WITH_ROWS = {
    b"select",
    b"with",
    b"from",
    b"(",
    b"show",
    b"describe",
    b"desc",
    b"explain",
    b"exists",
    b"check",
    b"kill",
}
_OUTSIDE_FILE = {(b"into", b"outfile"), (b"from", b"infile")}
_SOURCES = {b"select", b"values", b"from"}
_BEFORE_A_TABLE = {b"into", b"table", b"."}


@dataclass(frozen=True, slots=True)
class Statement:
    """What one request asks for.

    `sql` is the statement; for an INSERT with rows behind it, the part before FORMAT, and `rows` holds what follows
    in `rows_format`. `rows` is None for everything else. `output_format` is the one that FORMAT names, if any.
    `settings_at` is where the SETTINGS of an INSERT begin in `sql`; its end where it has none.
    """

    sql: str
    verb: str
    returns_rows: bool
    output_format: str | None
    rows_format: str | None = None
    rows: bytes | None = None
    settings_at: int = 0


def parse(text: bytes) -> Statement:
    """Return the one statement in `text`.

    Raises ServerError when there is none or more than one, when it isn't UTF-8, and for INTO OUTFILE and FROM INFILE,
    which a client understands and a server must not: here they would touch files of this machine.
    """
    scan = _Scan()
    for token in tokens(text):
        scan.add(token)
        if scan.rows_follow:
            break
    if not scan.first:
        raise ServerError(SYNTAX_ERROR, "Empty query")
    name = text[scan.name.start : scan.name.end].decode() if scan.name else None
    if scan.rows_follow and scan.name:
        sql = _decode(text[: scan.format_at])
        settings_at = len(_decode(text[: scan.settings_at or scan.format_at]))
        rows = _after_format(text, scan.name.end)
        return Statement(sql, scan.first.decode(), False, None, name, rows, settings_at)  # noqa: FBT003
    return Statement(_decode(text), scan.first.decode(), scan.returns_rows, name)


class _Scan:
    """What has been seen of a statement, token by token."""

    def __init__(self) -> None:
        self.first = b""
        self.name: Token | None = None
        self.format_at = 0
        self.settings_at = 0
        self._last = b""
        self._depth = 0
        self._ended = False
        self._inserts = False
        self._has_source = False

    @property
    def returns_rows(self) -> bool:
        return self.first in _WITH_ROWS and not self._inserts

    @property
    def rows_follow(self) -> bool:
        return self._inserts and not self._has_source and self.name is not None

    def add(self, token: Token) -> None:
        text = token.text if token.kind in {"word", "symbol"} else b"''"
        if self._ended and text != b";":
            raise ServerError(SYNTAX_ERROR, "Multi-statements are not allowed: send one statement in a request")
        if (self._last, text) in _OUTSIDE_FILE:
            raise ServerError(QUERY_NOT_ALLOWED, f"{_phrase(self._last, text)} is not allowed: read or send the rows")
        self.first = self.first or text
        self._ended = text == b";"
        self._depth += (text == b"(") - (text == b")")
        if self._depth == 0:
            self._add_clause(token, text)
        self._last = text

    def _add_clause(self, token: Token, text: bytes) -> None:
        if text == b"insert" and self.first in {b"insert", b"with"}:
            self._inserts = True
        if self._inserts and text in _SOURCES:
            self._has_source = True
        if self._last == b"format" and token.kind == "word":
            self.name = token
        elif self.name and self._last == self.name.text and text not in {b";", b"settings"}:
            self.name = None  # it was a column of that name: the clause stands at the end
        if text == b"format":
            self.format_at = token.start
        if text == b"settings" and self._inserts and self._last not in _BEFORE_A_TABLE:
            self.settings_at = token.start


def _phrase(*words: bytes) -> str:
    return b" ".join(words).decode().upper()


def _decode(sql: bytes) -> str:
    try:
        return sql.decode()
    except UnicodeDecodeError as error:
        raise ServerError(
            SYNTAX_ERROR, f"The SQL is not UTF-8: byte {error.start} is 0x{sql[error.start]:02x}"
        ) from None


def _after_format(text: bytes, at: int) -> bytes:
    """Return the rows: what follows the blanks after FORMAT's name and one newline, if there is one."""
    while text[at : at + 1] in {b" ", b"\t", b"\f"}:
        at += 1
    if text.startswith(b"\r", at):
        at += 1
    return text[at + text.startswith(b"\n", at) :]
