"""chDB: the one engine of this process, and handles on it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from pipeline.embedded.clickhouse_errors import UNKNOWN_FORMAT, ServerError, from_engine
from pipeline.embedded.clickhouse_request import Query
from pipeline.embedded.clickhouse_room import room_for_an_insert
from pipeline.embedded.clickhouse_statement import Statement
from pipeline.embedded.clickhouse_users import User
from pipeline.errors import FatalError

_LOCK_NAME = "status"
_STREAMED = {"native", "csv", "tabseparated", "tsv", "rowbinary", "jsoneachrow", "jsoncompacteachrow"}
"""Formats whose pieces are one whole when put together: without a header, without an end."""
_STREAMED_VERBS = {"select", "with", "from", "("}
_PYTHON_FORMATS = {"arrowtable", "dataframe", "datastore"}


@dataclass(frozen=True, slots=True)
class Counts:
    """What a query read, wrote and returned."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0
    result_bytes: int = 0
    elapsed_ns: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query returns: `first`, and with `more`, the handle's pieces. `format` is None without a result."""

    first: bytes
    format: str | None
    counts: Counts
    more: bool = False


class Engine:
    """chDB with its folder, open as long as this lives. Costs a second to open and 300 MB."""

    def __init__(self, path: Path) -> None:
        """Open or make the folder. Raises FatalError when another process has it, RuntimeError for anything else."""
        os.environ["TZ"] = "UTC"
        time.tzset()
        import chdb  # noqa: PLC0415 - reads TZ when it is loaded, and the parent process must not load it at all

        self._connect = chdb.connect
        self._path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FatalError(
                f"ClickHouse's folder {path} can't be made: {error.strerror}. Set PIPELINE_HOME."
            ) from None
        try:
            self._keeper = chdb.connect(str(path))
        except RuntimeError:
            if _is_locked(path / _LOCK_NAME):
                raise FatalError(_who_has(path)) from None
            raise
        self.version = self._text("SELECT version()")
        self.timezone = self._text("SELECT timezone()")
        self.table_functions = self._text("SELECT name FROM system.table_functions").splitlines()

    def open(self, user: User) -> Handle:
        """Return a new handle with the user's profile: 1 to 3 ms."""
        return Handle(self._connect(f"{self._path}?{user.profile}"), self._path)

    def close(self) -> None:
        """Close the engine, when all handles are closed."""
        self._keeper.close()

    def _text(self, sql: str) -> str:
        raw: bytes = self._keeper.query(sql, "TabSeparatedRaw").bytes()
        return raw.decode().strip()


class Handle:
    """One connection to chDB. Never used by two threads at a time: chDB mixes their answers up."""

    def __init__(self, connection: Any, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._stream: Any = None
        self._undo: list[str] = []

    def run(self, statement: Statement, query: Query) -> Answer:
        """Set what the request sets, and run its statement. Raises ServerError."""
        with _server_errors():
            self._prepare(statement, query)
            if statement.verb != "insert":
                return self._run(statement, query)
            with room_for_an_insert(self._path):
                return self._run(statement, query)

    def next_piece(self) -> bytes:
        """Return the next piece of an answer with `more`, empty at its end. Raises ServerError."""
        with _server_errors():
            piece = self._stream.fetch()
        return b"" if piece is None else bytes(piece.bytes())

    def undo(self) -> bool:
        """Take back what the request set, so that the session's next one doesn't see it; tell whether that worked."""
        if self._stream is not None:
            self._stream.cancel()
            self._stream = None
        undo, self._undo = self._undo, []
        try:
            for sql in undo:
                self._connection.query(sql)
        except Exception:  # noqa: BLE001 - chDB's own class is a bare Exception
            return False  # such as readonly=1, which nothing takes back
        return True

    def close(self) -> None:
        """Close the connection, and with it whatever it still runs."""
        self._connection.close()

    def _prepare(self, statement: Statement, query: Query) -> None:
        if query.database and statement.verb != "use":
            before = self._rows("SELECT currentDatabase()")[0][0]
            self._connection.query(f"USE {quote_name(query.database)}")
            self._undo.append(f"USE {quote_name(before)}")
        if query.settings:
            self._undo += self._resets(query)
            self._connection.query(f"SET {_assignments(query.settings)}")
        if statement.rows is not None and query.parameters:
            named = {f"param_{name}": value for name, value in query.parameters.items()}
            self._connection.query(f"SET {_assignments(named)}")

    def _resets(self, query: Query) -> list[str]:
        """Return what sets the query's settings back to what they are now."""
        names = ", ".join(_literal(name) for name in query.settings)
        rows = self._rows(f"SELECT name, value, changed FROM system.settings WHERE name IN ({names})")  # noqa: S608 - quoted
        return [f"SET {name} = {_literal(value) if changed else 'DEFAULT'}" for name, value, changed in rows]

    def _rows(self, sql: str) -> list[Any]:
        raw = bytes(self._connection.query(sql, "JSONCompactEachRow").bytes())
        return [orjson.loads(line) for line in raw.splitlines()]

    def _run(self, statement: Statement, query: Query) -> Answer:
        if statement.rows is not None:
            return self._insert(statement)
        wanted = statement.output_format or query.default_format or "TabSeparated"
        if wanted.lower() in _PYTHON_FORMATS:
            raise ServerError(UNKNOWN_FORMAT, f"Unknown format {wanted}")
        if not query.whole and _can_stream(statement, wanted):
            return self._begin_stream(statement, wanted, query.parameters)
        result = self._connection.query(statement.sql, wanted, query.parameters)
        return Answer(bytes(result.bytes()), wanted if statement.returns_rows else None, _counts(result))

    def _begin_stream(self, statement: Statement, wanted: str, parameters: dict[str, str]) -> Answer:
        self._stream = self._connection.send_query(statement.sql, wanted, parameters)
        piece = self._stream.fetch()
        if piece is None:
            return Answer(b"", wanted, Counts())
        return Answer(bytes(piece.bytes()), wanted, Counts(), more=True)

    def _insert(self, statement: Statement) -> Answer:
        """Insert the rows of a request. From a file, because chDB's `send_insert` hides what the table refuses.

        A violated constraint, too many partitions or a full disk would be answered as success there, and the rows lost.
        """
        head, settings = statement.sql[: statement.settings_at], statement.sql[statement.settings_at :]
        with _as_file(statement.rows or b"") as path:
            sql = f"{head} FROM INFILE '{path}' COMPRESSION 'none' {settings} FORMAT {statement.rows_format}"
            return Answer(b"", None, _counts(self._connection.query(sql)))


def _can_stream(statement: Statement, wanted: str) -> bool:
    return statement.returns_rows and statement.verb in _STREAMED_VERBS and wanted.lower() in _STREAMED


@contextlib.contextmanager
def _as_file(rows: bytes) -> Iterator[str]:
    """Give rows a path: in memory where the system can, else in a temporary file."""
    if not hasattr(os, "memfd_create"):
        with tempfile.NamedTemporaryFile() as file:
            file.write(rows)
            file.flush()
            yield file.name
        return
    with os.fdopen(os.memfd_create("rows"), "wb") as memory:
        memory.write(rows)
        memory.flush()
        yield f"/proc/self/fd/{memory.fileno()}"


@contextlib.contextmanager
def _server_errors() -> Iterator[None]:
    """Turn what chDB raises (RuntimeError and its own, which is a bare Exception) into ServerError."""
    try:
        yield
    except ServerError:
        raise
    except Exception as error:  # noqa: BLE001 - chDB's own class is a bare Exception
        raise from_engine(error) from None


def quote_name(name: str) -> str:
    """Return a name as SQL."""
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"


def _literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _assignments(values: dict[str, str]) -> str:
    return ", ".join(f"{name} = {_literal(value)}" for name, value in values.items())


def _counts(result: Any) -> Counts:
    return Counts(
        read_rows=result.storage_rows_read(),
        read_bytes=result.storage_bytes_read(),
        written_rows=result.rows_written(),
        written_bytes=result.bytes_written(),
        result_rows=result.rows_read(),
        result_bytes=len(result),
        elapsed_ns=int(result.elapsed() * 1e9),
    )


def _is_locked(path: Path) -> bool:
    """Tell whether a process holds chDB's lock on its folder."""
    try:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _who_has(path: Path) -> str:
    holder = (path / _LOCK_NAME).read_text(errors="replace").partition("\n")[0]
    return (
        f"ClickHouse's folder {path} can't be opened: another process has it ({holder}). "
        "Stop that one, or choose another folder by PIPELINE_HOME."
    )
