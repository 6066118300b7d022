"""What comes out of a benchmark: figures with units and goals, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number. `key` names it for programs, `what` for people; a goal is a bound that it should keep."""

    key: str
    what: str
    value: float
    unit: str
    at_least: float | None = None
    at_most: float | None = None

    @property
    def reached(self) -> bool | None:
        """Whether the goal is reached; None where there is none."""
        if self.at_least is not None:
            return self.value >= self.at_least
        return None if self.at_most is None else self.value <= self.at_most

    @property
    def text(self) -> str:
        """The value as people read it: three digits or more, and the unit."""
        return f"{number(self.value)} {self.unit}".strip()

    @property
    def goal(self) -> str:
        """The goal as people read it; empty where there is none."""
        if self.at_least is not None:
            return f"≥ {number(self.at_least)} {self.unit}".strip()
        return "" if self.at_most is None else f"≤ {number(self.at_most)} {self.unit}".strip()


def number(value: float) -> str:
    """Return a number with thousands separated; below 100 with decimals."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def verdict(figure: Figure) -> str:
    """Return yes, no, or nothing where there is no goal."""
    return {None: "", True: "yes", False: "no"}[figure.reached]


def table(figures: Iterable[Figure], title: str) -> Table:
    """Return the table for the terminal."""
    made = Table(title=title, title_justify="left")
    for heading, justify in (("figure", "left"), ("value", "right"), ("goal", "right"), ("reached", "left")):
        made.add_column(heading, justify="right" if justify == "right" else "left")
    for figure in figures:
        colour = {None: "", True: "green", False: "red"}[figure.reached]
        made.add_row(figure.what, figure.text, figure.goal, f"[{colour}]{verdict(figure)}[/]" if colour else "")
    return made
