"""The loss ledger as a table, as facts for JSON, and in words."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from pipeline.cli.figures import NOTHING, clock, count, moment
from pipeline.cli.ledger_lines import Account, Line, total

HOW_TO = """\
No producer has numbered its events: none{span} has the Kafka header pipeline-ledger. Three lines do it:

    boot_id, sequence = uuid.uuid4().hex, 0  # once, when the process starts
    headers = [("pipeline-ledger", f"shop@{{hostname}}/{{boot_id}}/{{sequence}}".encode())]  # for every event
    sequence += 1

docs/events.md, under "Loss ledger", has the rest."""
_NUMBERS = ("produced", "counted", "late", "dead", "lost", "in flight", "repeated")


def facts(lines: Sequence[Line]) -> dict[str, object]:
    """Return the lines flat, what they add up to, and whether nothing is lost."""
    whole = total(lines)
    return {
        "lines": [_flat(line) for line in lines],
        "total": msgspec.structs.asdict(whole),
        "complete": whole.lost == 0,
    }


def _flat(line: Line) -> dict[str, object]:
    numbers = msgspec.structs.asdict(line)
    account = msgspec.structs.asdict(numbers.pop("account"))
    return {name: value for name, value in {**numbers, **account}.items() if value is not None}


def ledger_table(lines: Sequence[Line]) -> Table:
    """Return the table: a line each with its check mark, and their sum."""
    table = Table(box=None, pad_edge=False, header_style="bold dim")
    names = _names(lines)
    for heading in names:
        table.add_column(heading, no_wrap=True)
    for heading in _NUMBERS:
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for line in lines:
        table.add_row(*_named(line, names), *_cells(line.account), verdict(line.account))
    if len(lines) > 1:
        table.add_section()
        whole = total(lines)
        table.add_row("all", *[""] * (len(names) - 1), *_cells(whole), verdict(whole), style="bold")
    return table


def verdict(account: Account) -> Text:
    """Return a check mark, or what is lost."""
    return Text(f"✗ {count(account.lost)} lost", "bold red") if account.lost else Text("✓", "bold green")


def _names(lines: Sequence[Line]) -> list[str]:
    names = ["producer"]
    if any(line.boot_id is not None for line in lines):
        names += ["boot", "numbers"]
    return [*names, "minute (UTC)"] if any(line.minute_ms is not None for line in lines) else names


def _named(line: Line, names: Sequence[str]) -> list[str]:
    texts = {
        "producer": escape(line.producer_id),
        "boot": escape(line.boot_id or ""),
        "numbers": NOTHING if line.first_sequence is None else f"{line.first_sequence}…{line.last_sequence}",
        "minute (UTC)": "" if line.minute_ms is None else moment(line.minute_ms)[:-3],
    }
    return [texts[name] for name in names]


def _cells(account: Account) -> list[str]:
    return [count(number) if number else NOTHING for number in msgspec.structs.astuple(account)]


def sentence(lines: Sequence[Line], settled_ms: int) -> str:
    """Return the sum in words."""
    whole = total(lines)
    parts = (
        f"{count(whole.counted)} counted, {count(whole.late)} late, {count(whole.dead)} dead, {count(whole.lost)} lost"
    )
    waiting = f", {count(whole.in_flight)} in flight (still to be counted, or missing since {clock(settled_ms)})"
    again = f" {count(whole.repeated)} records came again and were counted again." if whole.repeated else ""
    return f"{count(whole.produced)} produced = {parts}{waiting if whole.in_flight else ''}.{again}"
