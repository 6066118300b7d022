"""The embedded ClickHouse as a child process: started, awaited, stopped.

`python -m pipeline.embedded.clickhouse --help` is that process by itself.
"""

from __future__ import annotations

import sys
import time
import urllib.request
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from types import TracebackType
from typing import Self

from pipeline.embedded.child import ChildProcess
from pipeline.embedded.clickhouse_serve import PASSWORD, READER_PASSWORD, main
from pipeline.embedded.ports import LOOPBACK
from pipeline.errors import FatalError
from pipeline.settings import Settings

START_SECONDS = 60.0
STOP_SECONDS = 10.0
_POLL_SECONDS = 0.02
_TAIL_LINES = 20
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Asks this machine itself, whatever proxy the environment names."""


class EmbeddedClickHouse:
    """ClickHouse on this machine, with its tables in the settings' home: `with EmbeddedClickHouse(settings) as server`.

    Dies with the process that started it. Can be started again after `stop` or `kill`, on the same tables.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._home = settings.home / "clickhouse"
        self._log = settings.home / "logs" / "clickhouse.log"
        self._child: ChildProcess | None = None
        self._port = settings.clickhouse_port

    @property
    def address(self) -> str:
        """Where it answers: ``http://host:port``, on this machine. Never with a password: `connect` has it."""
        host = {"0.0.0.0": LOOPBACK, "::": LOOPBACK}.get(host := self._settings.clickhouse_host, host)  # noqa: S104
        return f"http://[{host}]:{self._port}" if ":" in host else f"http://{host}:{self._port}"

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._child.pid if self._child else None

    @property
    def exit_code(self) -> int | None:
        """How it ended, if it did; None while it runs or was never started."""
        return self._child.exit_code if self._child else None

    def start(self) -> str:
        """Start it, wait until it answers, and return its address. 1 to 2 s.

        Raises FatalError when the port is taken, another process has the folder, or it ends at once; the message has
        the last lines that it wrote.
        """
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._child = ChildProcess(self._command(), self._log, environment=self._passwords())
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._child.wait(_POLL_SECONDS) or time.monotonic() > deadline:
                self._fail()
        return self.address

    def stop(self) -> None:
        """Stop it in order: running queries have two seconds. Does nothing when it doesn't run."""
        if self._child:
            self._child.stop(STOP_SECONDS)
            self._child = None

    def kill(self) -> None:
        """Kill it, as a power cut would. What was acknowledged is there after `start`."""
        if self._child:
            self._child.kill()
            self._child = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _command(self) -> list[str]:
        settings = self._settings
        module = [sys.executable, "-m", "pipeline.embedded.clickhouse", "--print-port"]
        return [
            *module,
            f"--path={self._home}",
            f"--host={settings.clickhouse_host}",
            f"--port={settings.clickhouse_port}",
        ]

    def _passwords(self) -> dict[str, str]:
        return {
            PASSWORD: self._settings.clickhouse_password.get_secret_value(),
            READER_PASSWORD: self._settings.clickhouse_reader_password.get_secret_value(),
        }

    def _answers(self) -> bool:
        """Tell whether it has printed its port, which it does once it listens, and answers there."""
        first, newline, _ = _read(self._log).partition("\n")
        if not newline or not first.isdigit():
            return False
        self._port = int(first)
        try:
            with _DIRECT.open(f"{self.address}/ping", timeout=1) as reply:
                return bool(reply.status == HTTPStatus.OK)
        except (OSError, HTTPException):
            return False

    def _fail(self) -> None:
        if self._child:
            self._child.kill()
        self._child = None
        text = _read(self._log)
        if reason := text.rpartition("error: ")[2] if "\nerror: " in f"\n{text}" else "":
            raise FatalError(reason.strip())
        tail = "\n".join(text.splitlines()[-_TAIL_LINES:])
        raise FatalError(f"The embedded ClickHouse did not start. The end of {self._log}:\n{tail}")


def _read(path: Path) -> str:
    return path.read_text(errors="replace") if path.is_file() else ""


if __name__ == "__main__":
    sys.exit(main())
