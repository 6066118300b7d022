"""The fault machine itself: a short run of it with the real servers, and what it leaves behind."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

ROLES = ("aggregator", "evaluator", "lander")

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(900)]


def machine(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "faults", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"TMPDIR": str(folder)},
    )


def left_over(children: list[psutil.Process]) -> list[psutil.Process]:
    _, alive = psutil.wait_procs(children, timeout=20)
    return alive


def mounts() -> str:
    return Path("/proc/mounts").read_text()


def test_a_short_run_with_a_bit_of_everything_loses_nothing_and_counts_nothing_twice(tmp_path: Path) -> None:
    seed = int(os.environ.get("SEED", random.randrange(10**6)))
    print(f"SEED={seed}")
    zombie = random.Random(seed).choice(ROLES)
    only = f"kill,kill_kafka,clickhouse_lies,zombie:{zombie}"
    asked = ("--minutes", "3.2", "--seed", str(seed), "--rate", "8000", "--only", only, "--recovery", "240")
    running = machine(tmp_path, *asked)
    said, _ = running.communicate()
    assert running.returncode == 0, said
    assert said.count("begins kill ") >= len(ROLES), said
    for fault in ("kill_kafka", "clickhouse_lies", "zombie"):
        assert f"begins {fault} " in said
    assert list(tmp_path.iterdir()) == []


def test_a_signal_ends_everything_and_leaves_nothing_mounted(tmp_path: Path) -> None:
    running = machine(tmp_path, "--minutes", "3", "--seed", "1", "--rate", "1000", "--only", "kill")
    assert running.stdout is not None
    for line in running.stdout:
        if "Load and faults" in line:
            break
    time.sleep(8)
    children = psutil.Process(running.pid).children(recursive=True)
    assert len(children) > 6
    running.send_signal(signal.SIGTERM)
    said, _ = running.communicate(timeout=90)
    assert running.returncode == 130, said
    assert left_over(children) == []
    assert str(tmp_path) not in mounts()


def test_a_fault_that_does_not_exist_is_told_and_nothing_is_started(tmp_path: Path) -> None:
    running = machine(tmp_path, "--only", "earthquake")
    said, _ = running.communicate(timeout=60)
    assert running.returncode == 2
    assert "there is no such fault" in said
    assert "kill_kafka" in said
    assert list(tmp_path.iterdir()) == []
