"""Children of the embedded stack die with their parent, and only then or when told."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from pipeline.embedded.child import ChildProcess
from pipeline.embedded.leftover import kill_leftover, remember

GONE_SECONDS = 30
SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
DEAF = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)",
]
PARENT = """
import sys
from pathlib import Path
from pipeline.embedded.child import ChildProcess
child = ChildProcess([sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"], Path(sys.argv[1]))
print(child.pid, flush=True)
sys.stdin.read()
"""


def until_up(output: Path) -> None:
    while not (output.exists() and "up" in output.read_text()):
        pass


def test_a_child_outlives_the_thread_that_made_it_and_stops_when_told(tmp_path: Path) -> None:
    made: list[ChildProcess] = []
    maker = threading.Thread(target=lambda: made.append(ChildProcess(SLEEPER, tmp_path / "out")))
    maker.start()
    maker.join()
    until_up(tmp_path / "out")
    assert made[0].exit_code is None
    made[0].stop(GONE_SECONDS)
    assert made[0].exit_code == -signal.SIGTERM


def test_a_child_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    child = ChildProcess(DEAF, tmp_path / "out")
    until_up(tmp_path / "out")
    child.stop(0.1)
    assert child.exit_code == -signal.SIGKILL
    child.stop(0.1)
    child.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills the children of the dead")
def test_a_child_dies_when_its_parent_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path / "out")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        until_up(tmp_path / "out")
        parent.kill()
        child.wait(GONE_SECONDS)
    assert not child.is_running()


def test_a_program_that_is_not_there_ends_at_once_and_says_so(tmp_path: Path) -> None:
    child = ChildProcess(["/nowhere/java"], tmp_path / "out")
    assert child.wait(GONE_SECONDS)
    assert child.exit_code == 1
    assert "/nowhere/java" in (tmp_path / "out").read_text() or "No such file" in (tmp_path / "out").read_text()


def test_a_leftover_is_killed_by_its_command_line_and_nothing_else_is(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    kill_leftover(pid_file, "anything")
    child = ChildProcess([*SLEEPER, str(tmp_path)], tmp_path / "out")
    remember(pid_file, child.pid)
    kill_leftover(pid_file, "another argument")
    assert child.exit_code is None
    kill_leftover(pid_file, str(tmp_path))
    assert child.wait(GONE_SECONDS)
    kill_leftover(pid_file, str(tmp_path))
