"""Contenders as processes of their own, watched from outside."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.timeline import Timeline
from pipeline.embedded.child import ChildProcess
from pipeline.errors import FatalError
from pipeline.settings import Settings

_ROOT = Path(__file__).parents[1]
_DEFAULT_RULES = _ROOT / "pipeline" / "default_rules.yaml"
_STOP_SECONDS = 15.0


class Child:
    """A Python program as a process that dies with this one; its output goes to a file, its CPU to a timeline."""

    def __init__(self, name: str, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.started_s = 0.0
        self.timeline = Timeline(0)
        self._arguments = [sys.executable, *arguments]
        self._folder = folder
        self._environment = {**environment, "PYTHONPATH": str(_ROOT)}
        self._process: ChildProcess | None = None
        self._watching: asyncio.Task[None] | None = None
        self._starts = 0

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def start(self) -> None:
        """Start it, with a new timeline."""
        self._starts += 1
        self.started_s = time.monotonic()
        self._process = ChildProcess(self._arguments, self.log, self._environment)
        self.timeline = Timeline(self._process.pid)
        self._watching = asyncio.create_task(self.timeline.watch())

    async def stop(self) -> None:
        """Ask it to end, and wait."""
        if self._process is not None:
            await asyncio.to_thread(self._process.stop, _STOP_SECONDS)
        await self._end_watching()

    async def kill(self) -> None:
        """Kill -9."""
        assert self._process is not None
        self._process.kill()
        await self._end_watching()

    @property
    def log(self) -> Path:
        """Where its output goes: a file for each start."""
        return self._folder / f"{self.name}-{self._starts}.log"

    def assert_alive(self) -> None:
        """Raise FatalError with the end of its output when it has ended by itself."""
        if self._process is not None and self._process.exit_code is not None:
            last = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
            raise FatalError(f"{self.name} ended by itself with exit code {self._process.exit_code}:\n{last}")

    async def _end_watching(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching


def worker(role: str, settings: Settings, *, worker_id: str = "") -> Child:
    """Return a worker of the pipeline as users run it, not started. `worker_id` makes it a static member."""
    environment = {
        "PIPELINE_RULES": str(_DEFAULT_RULES),
        "PIPELINE_HOME": str(settings.home),
        "PIPELINE_KAFKA": settings.kafka or "",
        "PIPELINE_NAMESPACE": settings.namespace,
        "PIPELINE_PARTITIONS": str(settings.partitions),
        "PIPELINE_WORKER_ID": worker_id,
        **({"PIPELINE_CLICKHOUSE": settings.clickhouse} if settings.clickhouse else {}),
    }
    return Child(role, ["-m", "pipeline.cli.main", role], settings.home, environment)
