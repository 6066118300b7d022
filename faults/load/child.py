"""The load's process as the machine sees it: started, listened to, told to stop."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import msgspec

from faults.facts import ProducerAccount
from faults.load.orders import Orders, Said
from pipeline.errors import FatalError

_LINE_BYTES = 256 * 1024 * 1024
_END_SECONDS = 60.0


class Load:
    """Runs ``python -m faults.load``. `said` is the newest of what it has said."""

    def __init__(self, orders: Orders, log: Path) -> None:
        self.said = Said(0, 0, 0, 0.0)
        self._orders = orders
        self._log = log
        self._child: Process | None = None
        self._listening: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it; it produces at once. It ends when this process does."""
        with self._log.open("ab") as errors:
            self._child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "faults.load"),
                stdin=PIPE,
                stdout=PIPE,
                stderr=errors,
                start_new_session=True,
                limit=_LINE_BYTES,
            )
        self._tell(msgspec.json.encode(self._orders))
        self._listening = asyncio.create_task(self._listen())

    def assert_alive(self) -> None:
        """Raise FatalError when it has ended by itself."""
        if self._child is not None and self._child.returncode is not None and self.said.accounts is None:
            raise FatalError(f"The load ended by itself (exit code {self._child.returncode}). Its log:\n{self._tail()}")

    async def stop(self) -> tuple[ProducerAccount, ...]:
        """Let it finish what it has sent, and return the accounts."""
        assert self._child is not None
        assert self._listening is not None
        self._tell(b"stop")
        try:
            await asyncio.wait_for(asyncio.gather(self._child.wait(), self._listening), _END_SECONDS)
        except TimeoutError:
            self.kill()
        if self.said.accounts is None:
            raise FatalError(f"The load ended without its accounts. Its log:\n{self._tail()}")
        return tuple(self.said.accounts)

    def kill(self) -> None:
        """End it at once."""
        if self._child is not None and self._child.returncode is None:
            self._child.kill()

    def _tell(self, line: bytes) -> None:
        assert self._child is not None
        assert self._child.stdin is not None
        self._child.stdin.write(line + b"\n")

    async def _listen(self) -> None:
        assert self._child is not None
        assert self._child.stdout is not None
        while line := await self._child.stdout.readline():
            self.said = msgspec.json.decode(line, type=Said)

    def _tail(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-20:])
