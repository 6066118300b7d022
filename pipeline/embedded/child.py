"""A server as a child process: in a session of its own, dead when its parent is, stopped in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

_WRAPPER = Path(__file__).with_name("die_with_parent.py")


class ChildProcess:
    """A running `command`; what it prints goes to the file `output`, made anew.

    Ctrl-C in the terminal does not reach it (its session is its own): the parent stops it when its own users are
    done. If the parent dies in any way, Linux kills it. The kernel means the *thread* that started it, so a thread
    that lives as long as the child does that. `environment` is added to this process's own. Raises OSError when the
    child can't be started.
    """

    def __init__(self, command: Sequence[str], output: Path, environment: Mapping[str, str] | None = None) -> None:
        self._ended = threading.Event()
        started: Future[subprocess.Popen[bytes]] = Future()
        full = [sys.executable, "-I", "-S", str(_WRAPPER), str(os.getpid()), *command]
        self._environment = {**os.environ, **(environment or {})}
        threading.Thread(target=self._keep, args=(full, output, started), name="child-keeper", daemon=True).start()
        self._popen = started.result()

    def _keep(self, command: list[str], output: Path, started: Future[subprocess.Popen[bytes]]) -> None:
        try:
            with output.open("wb") as sink:
                popen = subprocess.Popen(  # noqa: S603 - a list, no shell
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=sink,
                    stderr=sink,
                    start_new_session=True,
                    env=self._environment,
                )
        except OSError as error:
            started.set_exception(error)
            return
        started.set_result(popen)
        popen.wait()
        self._ended.set()

    @property
    def pid(self) -> int:
        """Process id."""
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._popen.returncode if self._ended.is_set() else None

    def wait(self, seconds: float) -> bool:
        """Wait for its end, at most so long; return whether it has ended."""
        return self._ended.wait(seconds)

    def stop(self, limit_seconds: float) -> None:
        """Ask it to end (SIGTERM); kill it when it hasn't after `limit_seconds`."""
        self._send(signal.SIGTERM)
        if not self.wait(limit_seconds):
            self.kill()

    def kill(self) -> None:
        """Kill it (SIGKILL) and wait until it is gone."""
        self._send(signal.SIGKILL)
        self._ended.wait()

    def _send(self, number: signal.Signals) -> None:
        if not self._ended.is_set():
            self._popen.send_signal(number)
