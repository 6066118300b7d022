"""The demo from beginning to end, as in CI: no terminal, ends by itself, reckons."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.stack.up_fixture import Cli

pytestmark = [pytest.mark.stack, pytest.mark.slow]


def number(text: str, label: str) -> int:
    found = re.search(rf"{re.escape(label)} +([\d,]+)", text)
    assert found, text
    return int(found[1].replace(",", ""))


def test_thirty_seconds_of_demo_reckon_to_the_event_and_fire_alerts(lone_cli: Cli) -> None:
    lone_cli.settings.update(DEMO_SECONDS="30", DEMO_RATE="300")
    done = lone_cli.run("demo", seconds=280)
    assert done.returncode == 0, done.stdout + done.stderr
    published = number(done.stdout, "published (acknowledged by Kafka)")
    counted = number(done.stdout, "counted in panes")
    late, dead = (
        number(done.stdout, "late: after their pane had closed"),
        number(done.stdout, "dead: refused, with a reason"),
    )
    assert published > 5_000
    assert published == counted + late + dead
    assert dead > 0
    assert number(done.stdout, "in ClickHouse: raw rows") == counted + late
    assert done.stdout.count("✓") == 3
    fired = re.search(r"alerts: (\d+) fired", done.stdout)
    assert fired
    assert int(fired[1]) > 0
    assert "storefront/search" in done.stdout
    assert re.search(r"10 s: published [\d,]+, counted", done.stdout)
    assert re.search(r"chat posted: \[(CRITICAL|WARNING)\] .*storefront", done.stdout)
    story = re.search(r"explain ([0-9a-f]{16})\n  Alert \1: rule \S+ on demo/\S+, now \w+\.", done.stdout)
    assert story, done.stdout


def test_ctrl_c_ends_the_demo_on_a_terminal_and_gives_the_screen_back(lone_cli: Cli) -> None:
    ours, theirs = pty.openpty()
    lone_cli.settings["TERM"] = "xterm-256color"
    said = lone_cli.home / "demo.err"
    with said.open("w") as err:
        process = lone_cli.start("demo", stdin=subprocess.DEVNULL, stdout=theirs, stderr=err)
    os.close(theirs)
    try:
        screen = _read_until(ours, b"calls/s", said)
        assert b"\x1b[?1049h" in screen
        assert b"checkout" in screen
        process.send_signal(signal.SIGINT)
        _read_until(ours, b"\x1b[?1049l", said)
        _read_to_end(ours)
        assert process.wait(60) == 130
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _read_until(terminal: int, wanted: bytes, said: Path) -> bytes:
    screen = b""
    while wanted not in screen:
        try:
            screen += os.read(terminal, 65_536)
        except OSError:  # a terminal's end
            pytest.fail(f"the demo ended: {said.read_text()}")
    return screen


def _read_to_end(terminal: int) -> None:
    with contextlib.suppress(OSError):
        while os.read(terminal, 65_536):
            pass
