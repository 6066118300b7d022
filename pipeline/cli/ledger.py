"""`pipeline ledger`: what became of every event that its producer numbered, and how complete an alert's window was."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from enum import StrEnum
from typing import Annotated

import msgspec
import typer
from clickhouse_connect.driver.client import Client

from pipeline.cli.configuration import load, resolve
from pipeline.cli.console import err, out, print_json, say
from pipeline.cli.figures import clock, count, moment, percent
from pipeline.cli.history import history
from pipeline.cli.ledger_alert import AlertWindow, read_alert, window_of
from pipeline.cli.ledger_lines import Line, grouped, total
from pipeline.cli.ledger_query import Range, read_ledger
from pipeline.cli.ledger_table import HOW_TO, facts, ledger_table, sentence
from pipeline.cli.moments import moment_ms
from pipeline.cli.still_waiting import oldest_waiting_ms
from pipeline.settings import Settings

_DAY_MS = 86_400_000


class By(StrEnum):
    """What one line is about."""

    MINUTE = "minute"
    BOOT = "boot"
    PRODUCER = "producer"


def ledger(
    since: Annotated[str, typer.Option(help="From when on: 2h ago, or 2026-11-22T10:00 (UTC); Kafka's time.")] = "1h",
    producer: Annotated[str, typer.Option(help="Only this producer id.")] = "",
    by: Annotated[By, typer.Option(help="A line for each minute, boot, or producer.")] = By.MINUTE,
    alert: Annotated[str, typer.Option(help="How complete this alert's window was, by its alert_id.")] = "",
    settle: Annotated[float, typer.Option(min=0, help="Seconds before what is missing is called lost.")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout and nothing else.")] = False,
) -> None:
    """Show what became of every numbered event: produced = counted + late + dead + lost (+ in flight).

    Producers number their events in a Kafka header; what is missing between two numbers was lost on its way to Kafka.
    With --alert, says how complete the window of that alert was. Exit code 1 if anything is lost.
    """
    settings = resolve(load())
    now_ms = time.time_ns() // 1_000_000
    waiting_ms = asyncio.run(oldest_waiting_ms(settings))
    settled_ms = (now_ms if waiting_ms is None else min(now_ms, waiting_ms)) - round(settle * 1_000)
    if waiting_ms is not None and waiting_ms < now_ms - round(settle * 1_000) and not as_json:
        say(f"The workers have yet to take what Kafka has from {clock(waiting_ms)} on: what is missing is in flight.")
    if alert:
        lines = _of_alert(settings, alert, settled_ms, as_json=as_json)
    else:
        since_ms = max(moment_ms(since, now_ms), now_ms - (settings.raw_days - 1) * _DAY_MS)
        wanted = Range(from_ms=since_ms, to_ms=now_ms + _DAY_MS, settled_ms=settled_ms, producer=producer)
        lines = _of_range(settings, wanted, by, as_json=as_json)
    sys.exit(1 if total(lines).lost else 0)


def _read(client: Client, wanted: Range, *, quiet: bool) -> list[Line]:
    message = "Reading the ledger …"
    with nullcontext() if quiet else err.status(message) as status:

        def tell(done: int, everything: int) -> None:
            if status:
                status.update(f"{message} {count(done)} of {count(everything)} events")

        return read_ledger(client, wanted, tell)


def _of_range(settings: Settings, wanted: Range, by: By, *, as_json: bool) -> list[Line]:
    with history(settings, reader=False) as client:
        found = _read(client, wanted, quiet=as_json)
    lines = grouped(found, boots=by is By.BOOT, minutes=by is By.MINUTE)
    if as_json:
        print_json({"since_ms": wanted.from_ms, "settled_ms": wanted.settled_ms, **facts(lines)})
    elif lines:
        out.print(ledger_table(lines))
        say(sentence(lines, wanted.settled_ms))
    else:
        of = f" of producer {wanted.producer}" if wanted.producer else ""
        say(HOW_TO.format(span=f"{of} since {moment(wanted.from_ms)} UTC"))
    return lines


def _of_alert(settings: Settings, alert_id: str, settled_ms: int, *, as_json: bool) -> list[Line]:
    with history(settings, reader=False) as client:
        alert = read_alert(client, alert_id)
        found = _read(client, window_of(alert, settled_ms), quiet=as_json)
    lines = grouped(found, boots=True, minutes=False)
    if as_json:
        ratio = {"counted_ratio": total(lines).completeness}
        print_json({"alert": msgspec.structs.asdict(alert), "settled_ms": settled_ms, **facts(lines), **ratio})
    else:
        _tell_alert(alert, lines, settled_ms)
    return lines


def _tell_alert(alert: AlertWindow, lines: Sequence[Line], settled_ms: int) -> None:
    say(f"{alert.rule} ({alert.state}): {alert.summary}")
    span = f"{moment(alert.window_start_ms)} to {clock(alert.window_end_ms)} UTC"
    if lines:
        out.print(ledger_table(lines))
        of = f"of {alert.service}" if alert.service else "of all services"
        ratio = percent(total(lines).completeness)
        say(f"The window was {span}. {ratio} of what producers {of} made in it was counted.")
        say(sentence(lines, settled_ms))
    else:
        say(f"The window was {span}. {HOW_TO.format(span=' in it')}")
    if alert.sources_ratio is None:
        say("It was decided by a critical error, or before any source had a watermark.")
    else:
        say(f"When it was decided, {percent(alert.sources_ratio)} of the sources had come past the window's end.")
