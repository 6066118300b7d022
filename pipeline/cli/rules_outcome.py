"""What a test of rules gave, as a table and as facts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from pipeline.cli.figures import NOTHING
from pipeline.rehearsal.outcome import Line, is_good
from pipeline.rehearsal.perform import Found
from pipeline.rehearsal.script import Expected

_STYLES = {"as expected": "green", "missing": "red", "unexpected": "red", "not asked": "dim"}


def outcome_line(file: str, lines: Sequence[Line]) -> str:
    """Return one line about a file: how many transitions came as expected, were missing, were not expected."""
    counts = Counter(line.verdict for line in lines)
    shown = [f"{counts[verdict]} {verdict}" for verdict in ("as expected", "missing", "unexpected") if counts[verdict]]
    mark = "[green]ok[/]    " if is_good(lines) else "[red]failed[/]"
    return f"{mark} {escape(file)}: {', '.join(shown) or 'nothing happened, as expected'}"


def outcome_table(lines: Sequence[Line]) -> Table:
    """Return expected against found, in order of time."""
    table = Table(box=None, pad_edge=False, header_style="bold dim")
    for heading in ("", "rule", "series", "expected", "found", "what it said"):
        table.add_column(heading, no_wrap=heading in {"", "rule", "expected", "found"})
    for line in lines:
        rule, series = _about(line)
        table.add_row(
            line.verdict, escape(rule), escape(series), _wanted(line.expected), _came(line),
            escape(line.found.alert.summary) if line.found else "", style=_STYLES[line.verdict],
        )  # fmt: skip
    return table


def _about(line: Line) -> tuple[str, str]:
    if line.expected is not None:
        return line.expected.rule, line.expected.series
    return (line.found.alert.rule, line.found.alert.series) if line.found is not None else ("", "")


def _wanted(expected: Expected | None) -> str:
    if expected is None:
        return NOTHING
    within = f" ± {clock(expected.within_ms)}" if expected.within_ms else ""
    told = {True: ", told", False: ", not told", None: ""}[expected.notify]
    return f"{clock(expected.at_ms)}{within} {expected.state} {expected.severity or ''}".rstrip() + told


def _came(line: Line) -> str:
    if line.found is None:
        return NOTHING
    text = _found(line.found)
    return f"nearest: {text}" if line.verdict == "missing" else text


def _found(found: Found) -> str:
    told = "told" if found.alert.notify else "not told"
    return f"{clock(found.at_ms)} {found.alert.state} {found.alert.severity}, {told}"


def clock(at_ms: int) -> str:
    """Return a time from the start on, ``0s``, ``3m20s``, ``1h0m50s``, ``51.8s``."""
    minutes, rest_ms = divmod(at_ms, 60_000)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{rest_ms / 1000:g}s" if rest_ms or not (hours or minutes) else ""
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if minutes or (hours and seconds) else "") + seconds


def outcome_facts(file: str, lines: Sequence[Line]) -> dict[str, object]:
    """Return the same as JSON shows it; times in milliseconds from the start on."""
    return {"file": file, "ok": is_good(lines), "transitions": [_line_facts(line) for line in lines]}


def _line_facts(line: Line) -> dict[str, object]:
    found = line.found and {"at_ms": line.found.at_ms, "alert": line.found.alert}
    return {"verdict": line.verdict, "expected": line.expected, "found": found}
