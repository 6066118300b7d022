"""What a fault has in its hands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from faults.crew import ROLES, Crew
from faults.facts import Fault
from faults.schedule import Step
from faults.servers import Servers
from pipeline.faust_ext.clock import wall_ms
from pipeline.settings import Settings

RULES = tuple(Path(__file__).parents[1] / name for name in ("rules_a.yaml", "rules_b.yaml"))


@dataclass
class Site:
    """The servers and the workers of a run. `settings` name the servers directly."""

    servers: Servers
    crew: Crew
    settings: Settings
    guests: int = field(default=0)  # workers that came besides

    def next_rules(self) -> Path:
        """The rules file that is not in use."""
        return next(file for file in RULES if file != self.crew.rules)


Action = Callable[[Site, Step], Awaitable[Fault]]


def done(
    step: Step,
    began_ms: int,
    *,
    started_ms: int | None = None,
    roles: tuple[str, ...] = ROLES,
    detail: str = "",
) -> Fault:
    """Return the fault that has just ended. Recovery of a server concerns every role."""
    return Fault(step.name, step.target, began_ms, wall_ms(), started_ms, roles, detail)
