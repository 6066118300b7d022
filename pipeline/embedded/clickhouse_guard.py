"""What a reader may say, and which requests are answered at all.

chDB acts as the user of the operating system, and its `readonly=1` lets more through than a server's: the function
`file()`, DESCRIBE of a table on the network, KILL QUERY. So a reader's SQL is also held to a list of verbs, and of
table functions that stay inside the database.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from pipeline.embedded.clickhouse_errors import QUERY_NOT_ALLOWED, READONLY, SYNTAX_ERROR, ServerError
from pipeline.embedded.clickhouse_statement import Statement
from pipeline.embedded.clickhouse_tokens import Token, tokens

READER_VERBS = {"select", "with", "from", "(", "show", "describe", "desc", "explain", "exists", "use"}
_INSIDE = {
    *("numbers", "numbers_mt", "zeros", "zeros_mt", "generateseries", "generate_series", "primes", "values", "null"),
    *("sqlstandardvalues", "generaterandom", "view", "viewifpermitted", "merge", "format", "loop", "dictionary"),
    *("input", "mergetreeindex", "mergetreeprojection"),
}
"""Table functions that reach neither files nor the network nor other SQL. Every other one is refused to readers."""

_OUTSIDE = {
    *("file", "catboostevaluate", "airedact", "aisimilarity", "aifilter", "aiclassify", "aiembed", "aiextract"),
    *("aigenerate", "aitranslate"),
}
"""Ordinary functions that do. They are refused by name, since `APPLY file` and `arrayMap(file, …)` call them too."""


class Guard:
    """Decides what readers may run, from the table functions that this build of chDB has."""

    def __init__(self, table_functions: Iterable[str]) -> None:
        self._refused_calls = {name.lower() for name in table_functions} - _INSIDE

    def check(self, statement: Statement, parameters: Mapping[str, str]) -> None:
        """Raise ServerError (164) when the statement, with these parameters, is more than reading tables."""
        if statement.verb not in READER_VERBS:
            raise ServerError(READONLY, f"reader: Cannot execute {statement.verb.upper()} in readonly mode.")
        last: Token | None = None
        for token in tokens(statement.sql.encode()):
            if token.kind in {"word", "quoted"}:
                _check_name(token.text)
            elif token.text == b"(" and last:
                self._check_call(last)
            if token.text == b"identifier":
                _check_names(parameters.values())
            last = token

    def _check_call(self, name: Token) -> None:
        if name.kind in {"word", "quoted"} and _bare(name.text) in self._refused_calls:
            raise _reaches_outside(_bare(name.text))


def _check_names(names: Iterable[str]) -> None:
    for name in names:
        _check_name(name.strip().encode())


def _check_name(name: bytes) -> None:
    if b"\\" in name:
        raise ServerError(SYNTAX_ERROR, "reader: a name with a backslash in it is not allowed")
    if _bare(name) in _OUTSIDE:
        raise _reaches_outside(_bare(name))


def _bare(name: bytes) -> str:
    return name.strip(b'`"').decode(errors="replace").lower()


def _reaches_outside(name: str) -> ServerError:
    return ServerError(READONLY, f"reader: {name}() reaches outside the database: not allowed in readonly mode.")


def check_get(statement: Statement) -> None:
    """Raise ServerError (164) when a statement that may change something came by GET, as the real server does."""
    if statement.verb not in {*READER_VERBS, "set"} or (statement.verb == "with" and not statement.returns_rows):
        raise ServerError(READONLY, "Cannot execute query in readonly mode: GET only reads, use POST for this query.")


def check_origin(headers: Mapping[str, str]) -> None:
    """Raise ServerError (392) when a web page sends this request.

    Without a password, any page open in a browser on this machine could post SQL to the port: such requests carry an
    Origin or say that they are cross-site, or, when the page's host name was made to point here, that host name.
    """
    if "Origin" in headers or headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"}:
        raise ServerError(QUERY_NOT_ALLOWED, "Requests from web pages are not answered: use a client on this machine")
    host = urlsplit(f"//{headers.get('Host', 'localhost')}").hostname or "localhost"
    if not is_loopback(host):
        raise ServerError(QUERY_NOT_ALLOWED, f"Host {host!r} is not this machine: use localhost or set a password")


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address can only mean this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
