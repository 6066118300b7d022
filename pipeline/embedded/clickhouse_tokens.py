"""SQL cut into tokens as ClickHouse's own lexer cuts it, so that nothing hides in a string or a comment.

Works on bytes, because rows in any format may follow the SQL in one body.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pipeline.embedded.clickhouse_errors import SYNTAX_ERROR, ServerError

Kind = Literal["word", "quoted", "string", "symbol"]

# Bytes outside ASCII are blanks, quotes or minus signs to ClickHouse, never part of a bare name: here, blanks.
_BLANK = re.compile(rb"(?:[\s\x80-\xff]|--[^\n]*|//[^\n]*|#[ !][^\n]*)+")
_WORD = re.compile(rb"[A-Za-z0-9_]+")
_HEREDOC = re.compile(rb"\$[A-Za-z0-9_]*\$")
_QUOTED = {quote: re.compile(rb"%c(?:[^%c\\]|\\.|%c%c)*%c" % ((quote,) * 5), re.DOTALL) for quote in b"'\"`"}
_COMMENT_EDGE = re.compile(rb"/\*|\*/")
_TYPOGRAPHIC = (b"\xe2\x80\x98", b"\xe2\x80\x99", b"\xe2\x80\x9c", b"\xe2\x80\x9d")


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of SQL, with where it begins and ends in the bytes. `text` of a word is in lower case."""

    kind: Kind
    text: bytes
    start: int
    end: int


def tokens(sql: bytes) -> Iterator[Token]:
    """Yield the tokens, without blanks and comments; lazily, so that a caller can stop where rows begin.

    Raises ServerError for what would make two readers of the same text disagree: quotes and comments left open,
    typographic quotes, and zero bytes.
    """
    at = 0
    while (at := _skip_blank(sql, at)) < len(sql):
        token = _token(sql, at)
        yield token
        at = token.end


def _token(sql: bytes, at: int) -> Token:
    if found := _WORD.match(sql, at):
        return Token("word", found[0].lower(), at, found.end())
    byte = sql[at]
    if byte in _QUOTED:
        if not (found := _QUOTED[byte].match(sql, at)):
            raise ServerError(SYNTAX_ERROR, f"The quote at byte {at} is not closed")
        return Token("string" if byte == ord("'") else "quoted", found[0], at, found.end())
    if found := _HEREDOC.match(sql, at):
        if (end := sql.find(found[0], found.end())) < 0:
            raise ServerError(SYNTAX_ERROR, f"The string that {found[0].decode()} opens at byte {at} is not closed")
        return Token("string", b"", at, end + len(found[0]))
    if byte == 0:
        raise ServerError(SYNTAX_ERROR, f"There is a zero byte in the SQL at byte {at}")
    return Token("symbol", sql[at : at + 1], at, at + 1)


def _skip_blank(sql: bytes, at: int) -> int:
    while True:
        start = at
        if found := _BLANK.match(sql, at):
            _refuse_typographic(found[0])
            at = found.end()
        if sql.startswith(b"/*", at):
            at = _comment_end(sql, at)
        if at == start:
            return at


def _comment_end(sql: bytes, at: int) -> int:
    """Return where the comment that begins at `at` ends. Comments nest."""
    depth = 0
    for edge in _COMMENT_EDGE.finditer(sql, at):
        depth += 1 if edge[0] == b"/*" else -1
        if depth == 0:
            return edge.end()
    raise ServerError(SYNTAX_ERROR, f"The comment at byte {at} is not closed")


def _refuse_typographic(blank: bytes) -> None:
    if any(quote in blank for quote in _TYPOGRAPHIC):
        raise ServerError(SYNTAX_ERROR, "There are typographic quotes in the SQL: use ' and \" instead")
