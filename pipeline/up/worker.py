"""One worker as a child process: started, logged, started again when it dies, told to stop, killed if need be."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
import zlib
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import Callable

from pipeline.errors import FatalError
from pipeline.settings import Settings
from pipeline.up.bounded_log import BoundedLog

EXIT_FATAL = 78
"""Exit code of a supervised worker that knows why it cannot go on (EX_CONFIG of sysexits.h)."""

EXIT_BLOCKED = 65
"""Exit code of one that stops because of what lies in Kafka (EX_DATAERR). It is started again for ever, so that the
rest of the pipeline stays up, and `pipeline dead` or `pipeline new-epoch` can put it right."""

_BACKOFF_SECONDS = (1, 2, 5, 10, 30)
_STEADY_SECONDS = 30
_FALSE_STARTS = 3
_KILL_AFTER_SECONDS = 3  # past the worker's own limit, `stop_seconds`


class Worker:
    """Runs ``pipeline NAME`` as a child process until `stop`.

    - `pid`: of the child, 0 while there is none
    - `restarts`: how often it was started again
    - `tell` gets a sentence for the user whenever the child dies; `changed` is called whenever the pid changes
    """

    def __init__(self, name: str, settings: Settings, tell: Callable[[str], None], changed: Callable[[], None]) -> None:
        self.name = name
        self.pid = 0
        self.restarts = 0
        self._settings = settings
        self._tell = tell
        self._changed = changed
        self._stopping = asyncio.Event()
        self._log = BoundedLog(settings.home / "logs" / f"{name}.log")
        self._child: Process | None = None

    async def run(self) -> None:
        """Keep the child running until `stop`.

        Raises FatalError when it said three times that it cannot go on and was never up: a broken rules file, say.
        One that was up is started again for ever, for whatever broke it may be back.
        """
        short_lives, was_up = 0, False
        while not self._stopping.is_set():
            started_s = time.monotonic()
            code = await self._live()
            if self._stopping.is_set():
                break
            steady = time.monotonic() - started_s > _STEADY_SECONDS
            was_up, short_lives = was_up or steady, 0 if steady else short_lives + 1
            if code == EXIT_FATAL and short_lives >= _FALSE_STARTS and not was_up:
                raise FatalError("\n".join([f"The {self.name} cannot start:", *self._log.tail()[-5:]]))
            wait_s = _BACKOFF_SECONDS[min(max(short_lives, 1), len(_BACKOFF_SECONDS)) - 1]
            self._tell(self._obituary(code, wait_s))
            await self._pause(wait_s)
            self.restarts += 1
        self._log.close()

    async def stop(self) -> None:
        """Tell the child to stop, and kill it when it has not after its own limit and a little."""
        self._stopping.set()
        child = self._child
        if child is None or child.returncode is not None:
            return
        child.terminate()
        try:
            await asyncio.wait_for(child.wait(), self._settings.stop_seconds + _KILL_AFTER_SECONDS)
        except TimeoutError:
            self._tell(f"The {self.name} did not stop in {self._settings.stop_seconds:g} s and was killed.")
            self.kill()

    def kill(self) -> None:
        """Kill the child at once."""
        self._stopping.set()
        if self._child is not None and self._child.returncode is None:
            self._child.kill()

    async def _live(self) -> int:
        """Return the exit code of one life of the child."""
        self._log.forget()
        # A session of its own: Ctrl-C in the terminal reaches the supervisor alone, which stops things in order.
        # The pipe to its stdin closes when this process ends, however it ends: the child then stops too.
        self._child = child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "pipeline.cli.main", self.name, "--supervised"),
            stdin=PIPE,
            stdout=PIPE,
            stderr=STDOUT,
            env=_environment(self._settings, self.name),
            start_new_session=True,
        )
        self.pid = child.pid
        self._changed()
        assert child.stdout is not None
        while chunk := await child.stdout.read(65_536):
            self._log.write(chunk)
        code = await child.wait()
        self.pid = 0
        return code

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    def _obituary(self, code: int, wait_s: int) -> str:
        how = f"was killed by signal {-code}" if code < 0 else f"left with exit code {code}"
        lines = "\n".join(f"  {line}" for line in self._log.tail()[-6:])
        last = f" Its last lines in {self._log.path}:\n{lines}" if lines else ""
        return f"The {self.name} {how}; it starts again in {wait_s} s.{last}"


def worker_id(settings: Settings, name: str) -> str:
    """The stable id of a worker: started again it takes its partitions back at once, and no other `up` has the same."""
    base = settings.worker_id or f"{socket.gethostname()}-{zlib.crc32(str(settings.home.resolve()).encode()):08x}"
    return f"{base}-{name}"


def _environment(settings: Settings, name: str) -> dict[str, str]:
    """The environment of a worker: this one's, with its id, and the addresses, rules and home that were found."""
    found = {
        "PIPELINE_WORKER_ID": worker_id(settings, name),
        "PIPELINE_KAFKA": settings.kafka,
        "PIPELINE_CLICKHOUSE": settings.clickhouse,
        "PIPELINE_RULES": settings.rules,
        "PIPELINE_NOTIFICATIONS": settings.notifications,
    }
    named = {name: str(value) for name, value in found.items() if value}
    return {**os.environ, **named, "PIPELINE_HOME": str(settings.home), "PYTHONUNBUFFERED": "1"}
