"""The proxies' process as the machine sees it."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

from faults.proxies.http import HttpMode
from faults.proxies.tcp import TcpMode
from pipeline.errors import FatalError

_ANSWER_SECONDS = 20.0


class Proxies:
    """Runs ``python -m faults.proxies``; ports are (port, target port)."""

    def __init__(self, kafka: tuple[int, int], clickhouse: tuple[int, int], log: Path) -> None:
        self._ports = [str(port) for port in (*kafka, *clickhouse)]
        self._log = log
        self._child: Process | None = None
        self._turn = asyncio.Lock()

    async def start(self) -> None:
        """Start it, and return when both listen."""
        with self._log.open("ab") as errors:
            self._child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "faults.proxies", *self._ports),
                stdin=PIPE,
                stdout=PIPE,
                stderr=errors,
                start_new_session=True,
            )
        await self._hear("ready")

    async def kafka(self, mode: TcpMode) -> None:
        """Change what happens between workers and Kafka."""
        await self._tell(f"kafka {mode}")

    async def clickhouse(self, mode: HttpMode) -> None:
        """Change what happens between the landers and ClickHouse."""
        await self._tell(f"clickhouse {mode}")

    def kill(self) -> None:
        """End it at once."""
        if self._child is not None and self._child.returncode is None:
            self._child.kill()

    async def _tell(self, line: str) -> None:
        assert self._child is not None
        assert self._child.stdin is not None
        async with self._turn:
            self._child.stdin.write(f"{line}\n".encode())
            await self._hear(line)

    async def _hear(self, line: str) -> None:
        assert self._child is not None
        assert self._child.stdout is not None
        try:
            heard = await asyncio.wait_for(self._child.stdout.readline(), _ANSWER_SECONDS)
        except TimeoutError:
            heard = b""
        if heard.decode().strip() != line:
            last = "\n".join(self._log.read_text(errors="replace").splitlines()[-10:])
            raise FatalError(f"The proxies did not say {line!r} but {heard!r}. Their log:\n{last}")
