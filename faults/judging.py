"""The verdict, as far as the machine needs to know it."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol, cast

from rich.console import Console

from faults.facts import Fault, FinishedRun
from pipeline.settings import Settings


class Watch(Protocol):
    """Looks at recoveries while faults are done."""

    def fault(self, fault: Fault) -> None:
        """A fault has just ended."""
        ...


class Verdict(Protocol):
    """Whether everything that was acknowledged was counted, once."""

    passed: bool

    def print(self, console: Console) -> None:
        """Print it for people."""
        ...

    def to_json(self) -> str:
        """Return it for programs."""
        ...


class _Nobody:
    def fault(self, fault: Fault) -> None:
        pass


class _Nothing:
    passed = True

    def __init__(self, run: FinishedRun) -> None:
        self._run = run

    def print(self, console: Console) -> None:
        console.print(self._run.unexpected, self._run.producers)

    def to_json(self) -> str:
        return "{}"


@asynccontextmanager
async def _nobody() -> AsyncIterator[Watch]:
    yield _Nobody()


def watching(settings: Settings) -> AbstractAsyncContextManager[Watch]:
    try:
        module: Any = importlib.import_module("faults.verdict.watch")
    except ModuleNotFoundError:
        return _nobody()
    return cast(AbstractAsyncContextManager[Watch], module.Watch(settings))


async def judge(run: FinishedRun, watch: Watch) -> Verdict:
    try:
        module: Any = importlib.import_module("faults.verdict.judge")
    except ModuleNotFoundError:
        return _Nothing(run)
    return cast(Verdict, await module.judge(run, watch))
