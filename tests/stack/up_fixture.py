"""A whole pipeline started by `pipeline up`, and the command line beside it, as a user has them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

_START_SECONDS = 150
_STOP_SECONDS = 60


@dataclass(frozen=True)
class Cli:
    """Runs `pipeline …` in a folder of its own, with nothing of this environment's settings."""

    home: Path
    settings: dict[str, str]

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIPELINE_", "DEMO_"))}
        return {**kept, "PIPELINE_HOME": str(self.home), **self.settings}

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "pipeline.cli.main", *arguments]

    def run(self, *arguments: str, stdin: bytes = b"", seconds: float = 90) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.command(*arguments),
            input=stdin,
            capture_output=True,
            timeout=seconds,
            env=self.environment(),
            check=False,
        )
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(self.command(*arguments), text=True, env=self.environment(), **options)

    def json(self, *arguments: str, **options: Any) -> Any:
        done = self.run(*arguments, "--json", **options)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


def free_ports() -> dict[str, str]:
    """Settings with which several pipelines run side by side, in little memory."""
    return {"PIPELINE_KAFKA_PORT": "0", "PIPELINE_CLICKHOUSE_PORT": "0", "PIPELINE_KAFKA_HEAP_MB": "256"}


class Up:
    """A `pipeline up` that runs: start it, read where, stop it."""

    def __init__(self, cli: Cli) -> None:
        self.cli = cli
        self._log = (cli.home / "up.err").open("w+")
        self.process = cli.start("up", "--json", stdout=subprocess.PIPE, stderr=self._log)
        assert self.process.stdout is not None
        lines: list[str] = []
        while not lines or lines[-1] != "}\n":
            line = self.process.stdout.readline()
            assert line, f"`pipeline up` ended with {self.process.wait()}: {self.said()}"
            lines.append(line)
        self.where: dict[str, Any] = json.loads("".join(lines))
        self.children = psutil.Process(self.process.pid).children(recursive=True)

    def said(self) -> str:
        self._log.flush()
        return Path(self._log.name).read_text()

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.children = psutil.Process(self.process.pid).children(recursive=True)
            self.process.send_signal(number)
        code = self.process.wait(_STOP_SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._log.close()
        return code

    def left_over(self) -> list[psutil.Process]:
        """Its children that still run a while after its end."""
        _, alive = psutil.wait_procs(self.children, timeout=20)
        return alive


@pytest.fixture(scope="session")
def session_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A pipeline that runs, shared by the tests of a session."""
    up = Up(Cli(tmp_path_factory.mktemp("up"), free_ports()))
    try:
        yield up
    finally:
        up.stop()
    assert not up.left_over()


@pytest.fixture(scope="session")
def cli(session_up: Up) -> Cli:
    """The command line beside the shared pipeline: use a service of your own."""
    return session_up.cli


@pytest.fixture
def lone_cli(tmp_path: Path) -> Cli:
    """The command line in an empty folder where nothing runs."""
    return Cli(tmp_path, free_ports())
