"""`pipeline publish FILE|-`: newline-delimited JSON events to the topics they belong to."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from pipeline.cli.configuration import load, resolve
from pipeline.cli.console import err, print_json, say, warn
from pipeline.cli.figures import count
from pipeline.cli.lines import Input
from pipeline.cli.publisher import Publisher, Refused, publisher
from pipeline.settings import Settings

_SHOWN = 20


def publish(
    file: Annotated[str, typer.Argument(help="File with a JSON event on each line, plain or gzip; - for stdin.")],
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout and nothing else.")] = False,
) -> None:
    """Send newline-delimited JSON events to the topics they belong to; the types may be mixed.

    All events of a file go to one partition per topic, so that Kafka keeps their order. A line that is not an event
    is not sent; its number and the reason are shown, and the exit code is then 1.
    """
    settings = resolve(load(), clickhouse=False)
    if file == "-" and sys.stdin.isatty():
        say("Reading events from the terminal: one JSON object on each line, Ctrl-D ends.")
    result = asyncio.run(_publish(settings, Input(file), quiet=as_json))
    if as_json:
        print_json(_facts(result))
    else:
        _report(result)
    sys.exit(1 if result.refusals else 0)


async def _publish(settings: Settings, source: Input, *, quiet: bool) -> Publisher:
    async with publisher(settings, source.name) as target:
        with _bar(shown=err.is_terminal and not quiet) as progress:
            task = progress.add_task(Path(source.name).name, total=source.size_bytes, events="0")
            try:
                async for lines in source.chunks():
                    _show(await target.send(lines), target, quiet=quiet)
                    progress.update(task, completed=source.read_bytes, events=count(target.acknowledged.total()))
                await target.finish()
            except asyncio.CancelledError:
                await target.finish()
                say(f"Stopped after line {count(target.lines)}: {_sentence(target)}")
                raise
            progress.update(task, completed=source.read_bytes, events=count(target.acknowledged.total()))
    return target


def _bar(*, shown: bool) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[events]} events"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=err, disable=not shown)


def _show(refused: list[Refused], target: Publisher, *, quiet: bool) -> None:
    shown_before = target.refusals - len(refused)
    for one in refused[: max(_SHOWN - shown_before, 0)]:
        if not quiet:
            warn(f"line {one.line}: {one.reason}")


def _report(result: Publisher) -> None:
    if result.refusals > _SHOWN:
        warn(f"… and {count(result.refusals - _SHOWN)} more refused lines (--json lists {Publisher.KEEP:,})")
    say(_sentence(result))


def _sentence(result: Publisher) -> str:
    topics = ", ".join(f"{count(number)} to {topic}" for topic, number in sorted(result.acknowledged.items()))
    lines = f"{count(result.acknowledged.total())} records acknowledged by Kafka"
    refused = f"; {count(result.refusals)} lines refused" if result.refusals else "; no line refused"
    return f"{lines}{f' ({topics})' if topics else ''}{refused}."


def _facts(result: Publisher) -> dict[str, object]:
    return {
        "lines": result.lines,
        "acknowledged": result.acknowledged.total(),
        "topics": dict(result.acknowledged),
        "refused": result.refusals,
        "refusals": result.refused,
    }
