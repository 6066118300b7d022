"""Episodes as cells of a timeline: the gravest state that each part of a range has seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from pipeline.backtest.episodes import Episode, Stretch
from pipeline.core.alert_state import Phase
from pipeline.core.rules import Severity, rank

Cell = tuple[Phase, Severity] | None
"""State and severity; None where there is no alert."""

_GRAVITY: dict[Phase, int] = {"pending": 1, "recovering": 2, "firing": 3}


@dataclass(frozen=True, slots=True)
class Line:
    """One rule on one series: a cell for each part of the range, and how long it fired in all."""

    rule: str
    series: str
    cells: list[Cell]
    episodes: int
    fired_ms: int


def lines(episodes: Iterable[Episode], from_ms: int, to_ms: int, width: int) -> list[Line]:
    """Return a line of `width` cells for each rule and series that had an alert; what fired longest comes first."""
    groups: dict[tuple[str, str], list[Episode]] = {}
    for one in episodes:
        groups.setdefault((one.rule, one.series), []).append(one)
    found = [
        Line(
            rule,
            series,
            _cells(some, from_ms, to_ms, width),
            len(some),
            sum(one.fired_for_ms(from_ms, to_ms) for one in some),
        )
        for (rule, series), some in groups.items()
    ]
    return sorted(found, key=lambda line: (-line.fired_ms, line.rule, line.series))


def _cells(episodes: Iterable[Episode], from_ms: int, to_ms: int, width: int) -> list[Cell]:
    cells: list[Cell] = [None] * width
    for one in episodes:
        end = Stretch(to_ms if one.ended_ms is None else one.ended_ms, "resolved", one.severity)
        for stretch, after in pairwise([*one.stretches, end]):
            if stretch.state in _GRAVITY:
                # What lasts no longer than an instant is seen as well.
                begin_ms, end_ms = max(stretch.from_ms, from_ms), max(after.from_ms, stretch.from_ms + 1)
                first = (begin_ms - from_ms) * width // (to_ms - from_ms)
                last = (min(end_ms, to_ms) - 1 - from_ms) * width // (to_ms - from_ms)
                for place in range(min(first, width - 1), min(last, width - 1) + 1):
                    cells[place] = _graver(cells[place], (stretch.state, stretch.severity))
    return cells


def _graver(one: Cell, other: tuple[Phase, Severity]) -> Cell:
    return other if one is None or _weight(other) > _weight(one) else one


def _weight(cell: tuple[Phase, Severity]) -> tuple[int, int]:
    return _GRAVITY[cell[0]], rank(cell[1])
