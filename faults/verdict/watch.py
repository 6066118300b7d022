"""The watch on a run: a process of its own that follows every topic and every commit."""

from __future__ import annotations

import asyncio
import multiprocessing
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self, cast

from faults.facts import Fault
from faults.verdict import child
from faults.verdict.account import Account
from pipeline.errors import FatalError
from pipeline.settings import Settings

_START_SECONDS = 180.0
_ANSWER_SECONDS = 600.0
_STOP_SECONDS = 15.0


class Watch:
    """Follows a run from `start` to `stop`; `account` and `unsettled` read to the present end first.

    `settings` name Kafka directly. Reading costs about 7 µs an event; memory about one
    byte an event and 300 bytes a slot.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.faults: list[Fault] = []
        self.log = Path(settings.home) / "watch.log"
        self._process: Any = None
        self._pipe: Connection | None = None
        self._account: Account | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            await self.stop()
        else:
            await self._end()  # a run that failed has no verdict, and maybe no Kafka to read from

    async def start(self) -> None:
        """Begin to follow; returns when the topics are there."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        self._process = context.Process(target=child.run, args=(self.settings, theirs, str(self.log)), daemon=True)
        self._process.start()
        theirs.close()
        self._pipe = ours
        await self._hear(_START_SECONDS)

    def fault(self, fault: Fault) -> None:
        """Note a fault that was done."""
        self.faults.append(fault)

    async def unsettled(self) -> list[str]:
        """Return what the pipeline has still to do with what is in the log."""
        return cast(list[str], await self._ask("unsettled"))

    async def account(self) -> Account:
        """Return everything that was folded, up to the present end; after `stop` what there was then."""
        if self._account is not None:
            return self._account
        return cast(Account, await self._ask("account"))

    async def stop(self) -> None:
        """Read to the end, and leave."""
        if self._process is None or self._account is not None:
            return
        try:
            self._account = await self.account()
            self._sender().send("stop")
            await asyncio.to_thread(self._process.join, _STOP_SECONDS)
        finally:
            await self._end()

    async def _end(self) -> None:
        """Leave without a word, if it has not left by now."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            await asyncio.to_thread(process.join)

    async def _ask(self, question: str) -> object:
        try:
            self._sender().send(question)
        except OSError as error:
            raise self._died(error) from error
        return await self._hear(_ANSWER_SECONDS)

    async def _hear(self, seconds: float) -> object:
        pipe = self._sender()
        try:
            if not await asyncio.to_thread(pipe.poll, seconds):
                raise FatalError(f"the watch has not answered for {seconds:.0f} s; its log is {self.log}")
            return cast(object, await asyncio.to_thread(pipe.recv))
        except (EOFError, OSError) as error:
            raise self._died(error) from error

    def _died(self, error: Exception) -> FatalError:
        return FatalError(f"the watch has died ({error!r}); its log is {self.log}:\n{self._tail()}")

    def _sender(self) -> Connection:
        if self._pipe is None:
            raise FatalError("the watch was not started")
        return self._pipe

    def _tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:]) if self.log.exists() else ""
