"""What a reader may say, and which requests are answered at all.

chDB acts as the user of the operating system, and its `readonly=1` lets more through than a server would: the
function `file()`, DESCRIBE of a table on the network, KILL QUERY. So a reader's SQL is also held to a list of verbs and
of table functions that stay inside the database.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from pipeline.embedded.clickhouse_errors import QUERY_NOT_ALLOWED, READONLY, SYNTAX_ERROR, ServerError
from pipeline.embedded.clickhouse_statement import Statement, calls

_READER_VERBS = {"select", "with", "from", "(", "show", "describe", "desc", "explain", "exists", "use", "set"}
_INSIDE = {
    *("numbers", "numbers_mt", "zeros", "zeros_mt", "generateseries", "generate_series", "primes", "values", "null"),
    *(
        "sqlstandardvalues",
        "generaterandom",
        "view",
        "viewifpermitted",
        "merge",
        "format",
        "loop",
        "dictionary",
        "input",
    ),
    *("mergetreeindex", "mergetreeprojection"),
}
"""Table functions that reach neither files nor the network nor other SQL. Everything else is refused to readers."""

_OUTSIDE = {"file", "catboostevaluate", "airedact", "aisimilarity", "aifilter", "aiclassify", "aiembed", "aiextract"}
_OUTSIDE |= {"aigenerate", "aitranslate"}
"""Ordinary functions that do."""


class Guard:
    """Decides what readers may run, from the table functions that this build of chDB has."""

    def __init__(self, table_functions: Iterable[str]) -> None:
        self._refused = ({name.lower() for name in table_functions} - _INSIDE) | _OUTSIDE

    def check(self, statement: Statement) -> None:
        """Raise ServerError (164) when the statement is more than reading tables."""
        if statement.verb not in _READER_VERBS:
            raise ServerError(READONLY, f"reader: Cannot execute {statement.verb.upper()} in readonly mode.")
        for call in calls(statement.sql.encode()):
            self._check_call(call.text)

    def _check_call(self, name: bytes) -> None:
        if b"\\" in name:
            raise ServerError(SYNTAX_ERROR, "reader: a function's name with a backslash in it is not allowed")
        bare = name.strip(b'`"').decode().lower()
        if bare in self._refused:
            raise ServerError(READONLY, f"reader: {bare}() reaches outside the database: not allowed in readonly mode.")


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
