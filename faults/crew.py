"""The workers: started again when they leave by themselves, let alone while a fault has its hands on one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.embedded.child import ChildProcess
from pipeline.faust_ext.clock import wall_ms
from pipeline.settings import Settings

ROLES = ("aggregator", "evaluator", "lander")
_ROOT = Path(__file__).parents[1]
_LOOK_SECONDS = 0.1
_AGAIN_SECONDS = (1, 2, 5, 10)
_STEADY_SECONDS = 30.0
_STOP_SECONDS = 15.0  # more than a worker allows itself, PIPELINE_STOP_SECONDS
_TAIL_LINES = 25


@dataclass(frozen=True, slots=True)
class Exit:
    """A worker that left by itself, or that did not stop when it was told and was killed."""

    worker: str
    at_ms: int
    code: int
    tail: str


class Member:
    """One worker, ``python -m MODULE ROLE``; a log for each of its lives."""

    def __init__(self, role: str, number: int, settings: Settings, rules: Callable[[], Path], module: str) -> None:
        self.role = role
        self.name = f"{role}-{number}"
        self.hands = asyncio.Lock()  # held by whoever stops and starts it
        self.lives = 0
        self._settings = settings
        self._rules = rules
        self._module = module
        self._child: ChildProcess | None = None

    @property
    def pid(self) -> int:
        """Of the present life."""
        assert self._child is not None, f"{self.name} does not run"
        return self._child.pid

    @property
    def exit_code(self) -> int | None:
        """How the present life ended; None while it goes on."""
        return self._child.exit_code if self._child else None

    @property
    def running(self) -> bool:
        """Whether it lives."""
        return self._child is not None and self._child.exit_code is None

    @property
    def log(self) -> Path:
        """Of the present life."""
        return self._settings.home / "logs" / f"{self.name}.{self.lives}.log"

    def start(self) -> int:
        """Start it, and return when, in ms."""
        self.lives += 1
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._child = ChildProcess([sys.executable, "-m", self._module, self.role], self.log, self._environment())
        return wall_ms()

    async def kill(self) -> None:
        """Kill -9, and wait until it is gone."""
        if self._child is not None:
            await asyncio.to_thread(self._child.kill)

    async def stop(self) -> bool:
        """SIGTERM; return whether it left in time, else it was killed."""
        child = self._child
        if child is None or child.exit_code is not None:
            return True
        await asyncio.to_thread(child.stop, _STOP_SECONDS)
        return child.exit_code != -signal.SIGKILL

    def freeze(self) -> None:
        """SIGSTOP."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGCONT)

    def tail(self) -> str:
        """The end of its log."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-_TAIL_LINES:])

    def _environment(self) -> dict[str, str]:
        settings = self._settings
        home = settings.home / "workers" / self.name
        home.mkdir(parents=True, exist_ok=True)
        return {
            "PIPELINE_HOME": str(home),
            "PIPELINE_CACHE": str(settings.cache),
            "PIPELINE_KAFKA": settings.kafka or "",
            "PIPELINE_CLICKHOUSE": settings.clickhouse or "",
            "PIPELINE_PARTITIONS": str(settings.partitions),
            "PIPELINE_DATABASE": settings.database,
            "PIPELINE_WINDOWS": '["' + '","'.join(settings.windows) + '"]',
            "PIPELINE_RULES": str(self._rules()),
            "PIPELINE_WORKER_ID": self.name,
            "PYTHONPATH": str(_ROOT),
            "PYTHONUNBUFFERED": "1",
        }


class Crew:
    """All workers. `exits` has those that left by themselves; `rules` is the file that the next start takes."""

    def __init__(self, settings: Settings, counts: dict[str, int], rules: Path, module: str) -> None:
        self.rules = rules
        self.exits: list[Exit] = []
        self._settings = settings
        self._module = module
        self.members = {
            member.name: member
            for role, count in counts.items()
            for member in (self.member(role, number + 1) for number in range(count))
        }

    def member(self, role: str, number: int) -> Member:
        """Return one more worker, which nobody looks after."""
        return Member(role, number, self._settings, lambda: self.rules, self._module)

    def of_role(self, role: str) -> list[Member]:
        """The workers of one role."""
        return [member for member in self.members.values() if member.role == role]

    def left(self, member: Member, code: int) -> None:
        """Note that a worker left in a way that it should not have."""
        self.exits.append(Exit(member.name, wall_ms(), code, member.tail()))

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Run all of them while the body runs; none is left when it ends."""
        try:
            async with asyncio.TaskGroup() as group:
                watching = [group.create_task(self._keep(member)) for member in self.members.values()]
                yield
                for task in watching:
                    task.cancel()
        finally:
            await asyncio.gather(*(member.kill() for member in self.members.values()))

    async def stop(self) -> list[str]:
        """Tell all to leave, as `pipeline up` does; return those that had to be killed."""
        async with contextlib.AsyncExitStack() as held:
            for member in self.members.values():
                await held.enter_async_context(member.hands)
            stopped = await asyncio.gather(*(member.stop() for member in self.members.values()))
        return [name for name, in_time in zip(self.members, stopped, strict=True) if not in_time]

    async def _keep(self, member: Member) -> None:
        """Start a worker, and again whenever it has left by itself."""
        short_lives, began_s = 0, time.monotonic()
        member.start()
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if member.running or member.hands.locked():
                continue
            self.left(member, member.exit_code or 0)
            short_lives = 0 if time.monotonic() - began_s > _STEADY_SECONDS else short_lives + 1
            async with member.hands:
                await asyncio.sleep(_AGAIN_SECONDS[min(short_lives, len(_AGAIN_SECONDS) - 1)])
                began_s = time.monotonic()
                member.start()
