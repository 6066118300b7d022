"""`pipeline up`: one at a time, everything restarted that dies, nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from pipeline.settings import Settings
from pipeline.up.runfile import Running, read_running, runfile_path
from tests.stack.up_fixture import Cli, Up

pytestmark = [pytest.mark.stack, pytest.mark.slow]


@pytest.fixture
def up(lone_cli: Cli) -> Iterator[Up]:
    one = Up(lone_cli)
    yield one
    if one.process.poll() is None:
        one.stop()
    assert not one.left_over()


def until(good: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not good():
        assert time.monotonic() < deadline
        time.sleep(0.05)  # files and processes have no event to wait for


def written(cli: Cli) -> dict[str, int]:
    """The workers' pids, as the file that other commands read has them."""
    workers: dict[str, int] = json.loads((cli.home / "run" / "up.json").read_text())["workers"]
    return workers


def test_a_second_up_is_refused_with_the_pid_of_the_first(session_up: Up) -> None:
    assert session_up.where["pid"] == session_up.process.pid
    done = session_up.cli.run("up")
    assert done.returncode == 1
    assert f"process {session_up.process.pid}" in done.stderr
    assert "PIPELINE_HOME" in done.stderr
    assert session_up.process.poll() is None


def test_a_worker_that_is_killed_is_started_again_and_the_user_is_told(session_up: Up) -> None:
    until(lambda: len(written(session_up.cli)) == 3)
    before = written(session_up.cli)["lander"]
    os.kill(before, signal.SIGKILL)
    until(lambda: written(session_up.cli).get("lander", before) != before)
    assert psutil.pid_exists(written(session_up.cli)["lander"])
    assert "The lander was killed by signal 9; it starts again in 1 s." in session_up.said()


def test_a_signal_stops_everything_and_leaves_no_process_and_no_file(up: Up) -> None:
    until(lambda: len(written(up.cli)) == 3)
    assert up.stop(signal.SIGTERM) == 0
    assert len(up.children) >= 5
    assert not up.left_over()
    assert not (up.cli.home / "run" / "up.json").exists()
    assert "No pipeline is running here" in up.cli.run("stats").stderr


def test_when_up_is_killed_its_children_die_and_its_file_is_not_believed(up: Up) -> None:
    until(lambda: len(written(up.cli)) == 3)
    up.stop(signal.SIGKILL)
    assert not up.left_over()
    assert (up.cli.home / "run" / "up.json").exists()
    assert "No pipeline is running here" in up.cli.run("stats").stderr


@pytest.mark.parametrize(
    ("setting", "name"), [("PIPELINE_KAFKA_PORT", "Kafka"), ("PIPELINE_CLICKHOUSE_PORT", "ClickHouse")]
)
def test_a_port_that_is_taken_is_named_with_the_setting_to_choose_another(
    lone_cli: Cli, setting: str, name: str
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        lone_cli.settings[setting] = port
        done = lone_cli.run("up")
    assert done.returncode == 1
    assert f"{name} can't listen" in done.stderr
    assert port in done.stderr
    assert setting in done.stderr
    assert "Traceback" not in done.stderr


def test_a_mistake_in_the_rules_is_told_before_anything_starts(lone_cli: Cli) -> None:
    rules = lone_cli.home / "rules.yaml"
    rules.write_text("rules:\n  - name: a\n    type: eror_rate\n")
    lone_cli.settings["PIPELINE_RULES"] = str(rules)
    done = lone_cli.run("up")
    assert done.returncode == 1
    assert "rules.yaml:3" in done.stderr
    assert not (lone_cli.home / "logs").exists()


def test_a_file_of_another_process_with_the_same_pid_is_not_believed(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    path = runfile_path(settings)
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({**_running(os.getpid(), started_ms=1), "workers": {}}))
    assert read_running(settings) is None
    started_ms = int(psutil.Process().create_time() * 1_000)
    path.write_text(json.dumps({**_running(os.getpid(), started_ms), "workers": {}}))
    assert read_running(settings) == Running(os.getpid(), started_ms, "k:1", "http://c:2", {})
    path.write_text("cut off {")
    assert read_running(settings) is None


def _running(pid: int, started_ms: int) -> dict[str, object]:
    return {"pid": pid, "started_ms": started_ms, "kafka": "k:1", "clickhouse": "http://c:2"}
