"""Where the command line writes: facts to stdout, everything about them to stderr."""

from __future__ import annotations

import logging
import sys
from typing import NoReturn

import msgspec
from rich.console import Console
from rich.markup import escape

WIDE = 240
"""Columns that a table may take where there is no terminal to fit it into."""

out = Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)
err = Console(stderr=True, highlight=False)


def say(message: str) -> None:
    """Write a sentence about what goes on to stderr; square brackets stand for themselves."""
    err.print(escape(message), soft_wrap=True)


def warn(message: str) -> None:
    """Write what the user should look at, in yellow, to stderr."""
    err.print(escape(message), style="yellow", soft_wrap=True)


def complain(message: str) -> None:
    """Write what went wrong, in red, to stderr."""
    err.print(escape(message), style="red", soft_wrap=True)


def fail(message: str, code: int = 1) -> NoReturn:
    """Write what went wrong and leave with `code`."""
    complain(message)
    sys.exit(code)


def print_json(facts: object) -> None:
    """Write facts as JSON to stdout, indented; anything that msgspec can encode."""
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(facts), indent=2) + b"\n")
    sys.stdout.buffer.flush()


def print_json_line(facts: object) -> None:
    """Write facts as one line of JSON to stdout, at once, for a program that follows along."""
    sys.stdout.buffer.write(msgspec.json.encode(facts) + b"\n")
    sys.stdout.buffer.flush()


class _ToUser(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        warn(record.getMessage())


def warnings_to_user() -> None:
    """Show our own warnings as sentences, and keep what libraries log to ourselves: we say what went wrong."""
    logging.getLogger().addHandler(logging.NullHandler())
    ours = logging.getLogger("pipeline")
    ours.addHandler(_ToUser(logging.WARNING))


def warnings_to_log(level: str) -> None:
    """Log everything from `level` on to stderr, with time and source, as a worker does."""
    logging.getLogger("pipeline").handlers.clear()
    layout = "%(asctime)s %(levelname)s %(name)s %(message)s"
    logging.basicConfig(level=level, format=layout, stream=sys.stderr, force=True)
