"""What commands about silences and acknowledgements have in common: who, why, from when, until when."""

from __future__ import annotations

import getpass
import time
from datetime import datetime
from typing import Annotated

import typer

from pipeline.cli.figures import moment
from pipeline.core.notices.orders import Span
from pipeline.rules_values import long_duration_ms

By = Annotated[str, typer.Option("--by", metavar="NAME", help="Who you are; by default your user name here.")]
Comment = Annotated[str, typer.Option("--comment", help="Why.")]
For = Annotated[str, typer.Option("--for", metavar="DURATION", help="How long, such as 30m, 2h or 1d.")]
Until = Annotated[str, typer.Option("--until", metavar="TIME", help="Until when: RFC 3339, or in so long, such as 2h.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on stdout and nothing else.")]


def author(by: str) -> str:
    """Return who gives the order."""
    return by or getpass.getuser()


def span_of(begins: str, lasts: str, until: str, now_ms: int) -> Span:
    """Return from when until when; exactly one of `lasts` and `until` says the end, since there is none without."""
    if bool(lasts) == bool(until):
        found = "both --for and --until" if lasts else "no end"
        raise typer.BadParameter(f"{found}: give one of --for 2h and --until 2026-11-22T18:00:00Z")
    starts_ms = time_ms(begins, now_ms) if begins else now_ms
    return starts_ms, starts_ms + _length_ms(lasts) if lasts else time_ms(until, now_ms)


def time_ms(text: str, now_ms: int) -> int:
    """Return a time to come: ``2h`` from now, or RFC 3339 with its zone."""
    try:
        return now_ms + long_duration_ms(text)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise typer.BadParameter(f"{text!r} is no time: write 2h for in two hours, or 2026-11-22T18:00:00Z")
    return round(found.timestamp() * 1_000)


def now_ms() -> int:
    """Return the time."""
    return time.time_ns() // 1_000_000


def span_text(starts_ms: int, ends_ms: int) -> str:
    """Return from when until when, for people."""
    return f"{moment(starts_ms)} to {moment(ends_ms)}"


def _length_ms(text: str) -> int:
    try:
        return long_duration_ms(text)
    except ValueError as error:
        raise typer.BadParameter(f"--for {text!r}; allowed: {error}") from None
