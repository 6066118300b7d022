"""What people see while the machine runs: a live panel on a terminal, a line each ten seconds elsewhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

_LOOK_SECONDS = 1.0
_LINE_SECONDS = 10.0


@dataclass
class Progress:
    """The state of a run in figures and words. `sent` gives the events sent so far."""

    console: Console
    seconds: float
    sent: Callable[[], int] = lambda: 0
    phase: str = "starting"
    now: dict[str, float] = field(default_factory=dict)  # fault → when it began
    lag: dict[str, int] | None = None
    done: int = 0
    began_s: float = field(default_factory=time.monotonic)
    rate: float = 0.0

    def say(self, text: str) -> None:
        """Print a line above whatever is shown."""
        self.console.print(f"[dim]{time.strftime('%H:%M:%S')}[/] {text}", highlight=False)

    def begin(self, phase: str) -> None:
        """Say that a new part of the run has begun."""
        self.phase = phase
        self.say(f"[bold]{phase}[/]")

    def fault_begins(self, what: str) -> None:
        """A fault is done now."""
        self.now[what] = time.monotonic()
        self.say(f"[yellow]begins[/] {what}")

    def fault_ends(self, what: str, detail: str) -> None:
        """It is over."""
        took_s = time.monotonic() - self.now.pop(what)
        self.done += 1
        self.say(f"[green]over[/]   {what} [dim]after {took_s:.1f} s{f'; {detail}' if detail else ''}[/]")

    @asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        """Show it while the body runs."""
        showing = asyncio.create_task(self._live() if self.console.is_terminal else self._lines())
        measuring = asyncio.create_task(self._measure())
        try:
            yield
        finally:
            showing.cancel()
            measuring.cancel()
            await asyncio.gather(showing, measuring, return_exceptions=True)

    def line(self) -> str:
        """Everything in one line."""
        faults = ", ".join(self.now) or "no fault"
        behind = ", ".join(f"{role} {lag:,}" for role, lag in self.lag.items()) if self.lag else "unknown"
        left_s = max(0.0, self.began_s + self.seconds - time.monotonic())
        return f"{self.phase} · {faults} · {self.rate:,.0f} events/s · lag {behind} · {left_s:.0f} s left"

    async def _measure(self) -> None:
        before, looked_s = self.sent(), time.monotonic()
        while True:
            await asyncio.sleep(_LOOK_SECONDS * 2)
            sent, now_s = self.sent(), time.monotonic()
            self.rate, before, looked_s = (sent - before) / (now_s - looked_s), sent, now_s

    async def _lines(self) -> None:
        while True:
            await asyncio.sleep(_LINE_SECONDS)
            self.say(self.line())

    async def _live(self) -> None:
        with Live(self._panel(), console=self.console, auto_refresh=False, transient=True) as live:
            while True:
                await asyncio.sleep(_LOOK_SECONDS)
                live.update(self._panel(), refresh=True)

    def _panel(self) -> Group:
        table = Table.grid(padding=(0, 2))
        for name, value in zip(("", "fault", "load", "lag", "left"), self.line().split(" · "), strict=True):
            table.add_row(f"[dim]{name}[/]", Text(value))
        return Group(Text(f"{self.done} faults so far", style="dim"), table)
