"""`pipeline sql "SELECT …"`: the history, read as a user who can change nothing."""

from __future__ import annotations

import re
import sys
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import typer
from clickhouse_connect.driver.client import Client
from rich.markup import escape
from rich.table import Table

from pipeline.cli.configuration import load, resolve
from pipeline.cli.console import out, say
from pipeline.cli.figures import NOTHING, count
from pipeline.cli.history import history
from pipeline.errors import FatalError

_CHUNK_BYTES = 1 << 16
_OWN_FORMAT = re.compile(r"\bFORMAT\s+\w+\s*$", re.IGNORECASE)


class Format(StrEnum):
    """How rows are written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def sql(
    query: Annotated[str, typer.Argument(help="One statement; - reads it from stdin.")],
    form: Annotated[Format, typer.Option("--format", "-f", help="How rows are written.")] = Format.TABLE,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json: an array of objects.")] = False,
) -> None:
    """Ask the history in ClickHouse's SQL, as a user who may read and do nothing else.

    Tables: operations, errors, slots, panes_1m, panes_1h, window_stats, alerts, dead_letters; `SHOW TABLES` has all.
    """
    statement = (sys.stdin.read() if query == "-" else query).strip().rstrip(";").strip()
    if not statement:
        raise FatalError('There is no statement. For example: pipeline sql "SELECT count() FROM operations"')
    with history(resolve(load(), kafka=False)) as client:
        _answer(client, statement, Format.JSON if as_json else form)


def _answer(client: Client, statement: str, form: Format) -> None:
    if _OWN_FORMAT.search(statement):
        _copy(client, statement, None)
    elif form is Format.CSV:
        _copy(client, statement, "CSVWithNames")
    elif form is Format.JSON:
        lines = client.raw_query(statement, fmt="JSONEachRow").splitlines()
        sys.stdout.buffer.write(b"[" + b",".join(b"\n  " + line for line in lines) + (b"\n]\n" if lines else b"]\n"))
    else:
        _show(client, statement)


def _copy(client: Client, statement: str, form: str | None) -> None:
    """Write the server's own text as it comes."""
    with client.raw_stream(statement, fmt=form) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()


def _show(client: Client, statement: str) -> None:
    result = client.query(statement)
    table = Table(box=None, pad_edge=False, header_style="bold dim")
    numeric = [kind.base_type.startswith(("Int", "UInt", "Float", "Decimal")) for kind in result.column_types]
    for name, is_number in zip(result.column_names, numeric, strict=True):
        table.add_column(escape(name), justify="right" if is_number else "left", overflow="fold")
    for row in result.result_rows:
        table.add_row(*(escape(_cell(value)) for value in row))
    if result.column_names:
        out.print(table)
    say(f"\n{count(len(result.result_rows))} rows")


def _cell(value: Any) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}" + (f".{value.microsecond // 1000:03}" if value.microsecond else "")
    return f"{value:.6g}" if isinstance(value, float) else str(value)
