"""Workers as processes of their own, to be killed."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from pipeline.settings import Settings

_AT_WORK = {"aggregator": "owns [1-9]", "evaluator": "owns [1-9]", "lander": "landing from", "notifier": "notifying of"}


class WorkerProcess:
    """One `pipeline <role>` process; its output goes to a file under the settings' home."""

    def __init__(
        self,
        role: str,
        settings: Settings,
        worker_id: str = "",
        module: str = "pipeline.cli.main",
        folder: Path | None = None,
    ) -> None:
        """`folder` has the code of another release, which is run instead of this one's."""
        self.role = role
        self._module = module
        self._folder = folder
        self.log = settings.home / f"{role}-{worker_id or 'only'}{'-other' if folder else ''}.log"
        self._environment = {
            **os.environ,
            "PIPELINE_HOME": str(settings.home),
            "PIPELINE_KAFKA": settings.kafka or "",
            "PIPELINE_NAMESPACE": settings.namespace,
            "PIPELINE_PARTITIONS": str(settings.partitions),
            "PIPELINE_DATABASE": settings.database,
            "PIPELINE_WORKER_ID": worker_id,
            **({"PIPELINE_RULES": str(settings.rules)} if settings.rules else {}),
            **({"PIPELINE_CLICKHOUSE": settings.clickhouse} if settings.clickhouse else {}),
            **({"PIPELINE_NOTIFICATIONS": str(settings.notifications)} if settings.notifications else {}),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if error is not None:
            print(f"--- {self.log.name}\n{tail(self.log)}")

    def start(self) -> None:
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", self._module, self.role],
                env=self._environment,
                cwd=self._folder,
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
            )

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it was started and has not ended since."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.poll() if self._process else None

    def stop(self) -> None:
        """Tell it to stop, and wait until it has."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        """The same, for contextlib.closing."""
        self.stop()

    def kill(self) -> None:
        """kill -9, and reap."""
        assert self._process is not None
        assert self._process.poll() is None, f"{self.role} was dead before it was killed:\n{tail(self.log)}"
        self._process.kill()
        self._process.wait()

    def kill_and_restart(self) -> None:
        self.kill()
        self.start()


async def at_work(*workers: WorkerProcess, seconds: float = 90) -> None:
    """Wait until the log of every one of them says that it works."""
    deadline = time.monotonic() + seconds
    while waiting := [one for one in workers if not re.search(_AT_WORK[one.role], one.log.read_text())]:
        for worker in waiting:
            assert worker.alive, f"{worker.role} left before it came to work:\n{tail(worker.log)}"
            assert time.monotonic() < deadline, f"{worker.role} is not at work after {seconds} s:\n{tail(worker.log)}"
        await asyncio.sleep(0.2)


def tail(path: Path, lines: int = 60) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
