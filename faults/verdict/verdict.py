"""The verdict: checks with their figures, as a table for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from faults.verdict.ledger_table import Line, line_columns, totalled
from faults.verdict.positions import Recovery

SHOWN = 10
Figure = int | float | str | None


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold. `differences` has the first few cases in which it does not, in words."""

    name: str
    passed: bool
    detail: str
    figures: dict[str, Figure] = field(default_factory=dict)
    differences: tuple[str, ...] = ()


def check(name: str, detail: str, wrong: Iterable[str], figures: Mapping[str, Figure]) -> Check:
    """Return a check that passes when nothing is wrong; `detail` says what holds then."""
    every = list(wrong)
    if not every:
        return Check(name, passed=True, detail=detail, figures=dict(figures))
    counted: dict[str, Figure] = {**figures, "differences": len(every)}
    said = f"{len(every)} differences" if len(every) > 1 else "1 difference"
    return Check(name, passed=False, detail=said, figures=counted, differences=tuple(every[:SHOWN]))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came out of a run."""

    seed: int
    minutes: float
    checks: tuple[Check, ...]
    ledger: tuple[Line, ...]
    recoveries: tuple[Recovery, ...]
    watch: dict[str, float] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(one.passed for one in self.checks)

    def sentence(self) -> str:
        """Return the verdict in one line."""
        failed = [one.name for one in self.checks if not one.passed]
        events = sum(line.acknowledged for line in self.ledger)
        run = f"seed {self.seed}: {events:,} events acknowledged, {len({id(one.fault) for one in self.recoveries})}"
        if not failed:
            return f"PASSED, {run} faults measured; nothing lost, nothing counted twice"
        return f"FAILED in {', '.join(failed)}; {run} faults measured. Run it again with SEED={self.seed}"

    def print(self, console: Console, *, by_minute: bool = False) -> None:
        """Print the ledger, the recoveries, the checks and the verdict."""
        console.print(_ledger_table(self.ledger if by_minute else totalled(self.ledger), by_minute=by_minute))
        if self.recoveries:
            console.print(_recovery_table(self.recoveries))
        console.print(_check_table(self.checks))
        for one in self.checks:
            for difference in one.differences:
                console.print(Text(f"  {one.name}: {difference}", style="red"))
        console.print(Text(self.sentence(), style="bold green" if self.passed else "bold red"))

    def to_json(self) -> str:
        """Return everything as JSON."""
        told = {"passed": self.passed, "sentence": self.sentence(), **asdict(self)}
        return msgspec.json.format(msgspec.json.encode(told)).decode()


def _ledger_table(lines: Iterable[Line], *, by_minute: bool) -> Table:
    columns = line_columns()
    table = Table(*(["minute"] if by_minute else []), "producer", "keys", title="Ledger: events", title_justify="left")
    for name in columns:
        table.add_column(name, justify="right")
    for line in lines:
        told = [f"{getattr(line, name):,}" for name in columns]
        table.add_row(*([line.minute] if by_minute else []), line.producer, line.kind, *told)
    return table


def _recovery_table(recoveries: Iterable[Recovery]) -> Table:
    table = Table("fault", "target", "role", title="Recovery after each fault", title_justify="left")
    table.add_column("seconds", justify="right")
    for one in recoveries:
        told = f"not within {one.looked_seconds:.0f}" if one.seconds is None else f"{one.seconds:.1f}"
        told = f"behind before; {told}" if one.was_behind else told
        table.add_row(one.fault.name, one.fault.target, one.role, told)
    return table


def _check_table(checks: Iterable[Check]) -> Table:
    table = Table("", "check", "detail", "figures", title="Checks", title_justify="left")
    for one in checks:
        mark = Text("ok", style="green") if one.passed else Text("FAILED", style="bold red")
        figures = ", ".join(f"{name} {_plain(value)}" for name, value in one.figures.items())
        table.add_row(mark, one.name, one.detail, figures)
    return table


def _plain(value: Figure) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.1f}" if isinstance(value, float) else str(value)
