"""The timeline of a backtest: a line for each rule and series, blocks by state."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group
from rich.text import Text

from pipeline.backtest.episodes import Episode
from pipeline.backtest.timeline import Cell, Line, lines
from pipeline.cli.figures import moment
from pipeline.cli.rules_outcome import clock

_FIRING = {"info": ("▂", "cyan"), "warning": ("▅", "yellow"), "critical": ("█", "bold red")}
_STATES = {"pending": ("░", "yellow"), "recovering": ("▒", "yellow")}
_NONE = ("·", "dim")
_LEAST_CELLS, _MOST_CELLS, _MOST_LABEL = 20, 120, 60


def timeline(episodes: Sequence[Episode], from_ms: int, to_ms: int, width: int, most: int) -> Group:
    """Return the drawing, at most so many lines: those that fired longest. `width` is that of the terminal."""
    labels = {f"{one.rule} {one.series}" for one in episodes}
    label = min(max(map(len, labels), default=0), _MOST_LABEL)
    cells = min(max(width - label - len("  99 episodes, 99h59m59s"), _LEAST_CELLS), _MOST_CELLS)
    found = lines(episodes, from_ms, to_ms, cells)
    drawn = [_axis(from_ms, to_ms, label, cells), *(_line(one, label) for one in found[:most])]
    if len(found) > most:
        drawn.append(Text(f"and {len(found) - most} more (--lines shows more, --json all)", "dim"))
    return Group(*drawn, _legend(to_ms - from_ms, cells), Text())


def _axis(from_ms: int, to_ms: int, label: int, cells: int) -> Text:
    first, last = moment(from_ms), moment(to_ms)
    gap = cells - len(first) - len(last)
    text = f"{first}{' ' * gap}{last}" if gap > 0 else first
    return Text(f"{' ' * label} {text}", "dim", no_wrap=True)


def _line(line: Line, label: int) -> Text:
    name = f"{line.rule} {line.series}"
    shown = name if len(name) <= label else f"{name[: label - 1]}…"
    drawn = Text(f"{shown:<{label}} ", no_wrap=True)
    for cell in line.cells:
        drawn.append(*_mark(cell))
    plural = "" if line.episodes == 1 else "s"
    return drawn.append(f"  {line.episodes} episode{plural}, {_length(line.fired_ms)}", "dim")


def _mark(cell: Cell) -> tuple[str, str]:
    if cell is None:
        return _NONE
    state, severity = cell
    return _FIRING[severity] if state == "firing" else _STATES[state]


def _legend(length_ms: int, cells: int) -> Text:
    drawn = Text(no_wrap=True)
    for name, mark in {**_FIRING, **_STATES}.items():
        drawn.append(*mark)
        drawn.append(f" {name}  ", "dim")
    return drawn.append(f"one mark is {_length(length_ms // cells)}", "dim")


def _length(length_ms: int) -> str:
    return clock(max(length_ms // 1_000, 1) * 1_000) if length_ms else "never fired"
