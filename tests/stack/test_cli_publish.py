"""`pipeline publish`: what is sent, what is refused, and what is said about it."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import pty
import signal
import subprocess
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.stack.up_fixture import Cli

pytestmark = pytest.mark.stack


def operation(service: str, number: int, **changed: Any) -> dict[str, Any]:
    return {
        "type": "operation",
        "event_id": f"{service}-{number}",
        "timestamp_ms": time.time_ns() // 1_000_000,
        "service": service,
        "operation": "work",
        "duration_ms": 10.0 + number,
        "success": True,
        **changed,
    }


def lines(*events: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


@pytest.fixture
def service() -> str:
    return f"s{uuid.uuid4().hex[:10]}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "events.ndjson"


def test_events_go_to_the_topics_of_their_types(cli: Cli, service: str, file: Path) -> None:
    error = {"type": "error", "severity": "error", "error_type": "Broken", "message": "it broke"}
    identity = {"event_id": "e", "timestamp_ms": time.time_ns() // 1_000_000, "service": service}
    file.write_bytes(lines(operation(service, 1), {**error, **identity}, operation(service, 2)))
    sent = cli.json("publish", str(file))
    assert sent["topics"] == {"events.operations": 2, "events.errors": 1}
    assert sent["acknowledged"] == sent["lines"] == 3
    assert sent["refused"] == 0


def test_refused_lines_are_named_with_number_and_reason_and_the_others_are_sent(
    cli: Cli, service: str, file: Path
) -> None:
    good = lines(operation(service, 1))
    negative = lines(operation(service, 2, duration_ms=-1))
    file.write_bytes(good + b"not json\n\n" + negative + good + b'{"type": "opperation"}\n' + good.rstrip())
    done = cli.run("publish", str(file))
    assert done.returncode == 1
    said = done.stderr.splitlines()
    assert said[0].startswith("line 2: ")
    assert "JSON" in said[0]
    assert said[1].startswith("line 4: ")
    assert "duration_ms" in said[1]
    assert said[2].startswith("line 6: ")
    assert '"operation"' in said[2]
    assert "3 records acknowledged" in said[-1]
    assert "3 lines refused" in said[-1]


def test_json_lists_the_refused_lines_and_the_exit_code_is_1(cli: Cli, service: str, file: Path) -> None:
    file.write_bytes(b"[]\n" + lines(operation(service, 1)))
    done = cli.run("publish", str(file), "--json")
    assert done.returncode == 1
    sent = json.loads(done.stdout)
    assert sent["refused"] == 1
    assert sent["refusals"][0]["line"] == 1
    assert sent["refusals"][0]["reason"]
    assert done.stderr == ""


def test_many_refused_lines_are_counted_and_only_the_first_are_shown(cli: Cli, file: Path) -> None:
    file.write_bytes(b"nonsense\n" * 50)
    done = cli.run("publish", str(file))
    assert done.returncode == 1
    assert sum(line.startswith("line ") for line in done.stderr.splitlines()) == 20
    assert "30 more refused lines" in done.stderr
    assert "50 lines refused" in done.stderr


def test_a_gzip_file_is_unpacked(cli: Cli, service: str, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson.gz"
    file.write_bytes(gzip.compress(lines(*(operation(service, number) for number in range(500)))))
    assert cli.json("publish", str(file))["acknowledged"] == 500


def test_events_come_from_stdin_as_well(cli: Cli, service: str) -> None:
    events = lines(*(operation(service, number) for number in range(20)))
    assert cli.json("publish", "-", stdin=events)["acknowledged"] == 20


def test_an_empty_file_is_published_in_no_time(cli: Cli, file: Path) -> None:
    file.write_bytes(b"")
    assert cli.json("publish", str(file))["acknowledged"] == 0


def test_a_slow_writer_on_stdin_has_its_events_sent_as_they_come(cli: Cli, service: str) -> None:
    process = cli.start("publish", "-", stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(lines(operation(service, 1)).decode())
    process.stdin.flush()
    try:
        deadline = time.monotonic() + 60
        query = f"SELECT count() AS n FROM operations WHERE service = '{service}'"
        while cli.json("sql", query) != [{"n": 1}]:
            assert time.monotonic() < deadline
        assert process.poll() is None
    finally:
        _, said = process.communicate("")
    assert "1 records acknowledged" in said
    assert process.returncode == 0


def test_on_a_terminal_there_is_a_progress_bar_that_ends_full(cli: Cli, service: str, file: Path) -> None:
    file.write_bytes(lines(*(operation(service, number) for number in range(3_000))))
    ours, theirs = pty.openpty()
    process = cli.start("publish", str(file), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # a terminal's end
        while chunk := os.read(ours, 65_536):
            shown += chunk
    os.close(ours)
    assert process.wait(60) == 0
    assert "━" in shown.decode()
    assert "3,000 events" in shown.decode()


def test_ctrl_c_says_how_far_it_came(cli: Cli, service: str) -> None:
    process = cli.start("publish", "-", stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.write("nonsense\n")
    process.stdin.flush()
    assert process.stderr.readline().startswith("line 1: ")
    process.send_signal(signal.SIGINT)
    said = process.stderr.read()
    process.stdin.close()
    process.stderr.close()
    assert process.wait(60) == 130
    assert "Stopped after line 1" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "There is no file"), (b"\x28\xb5\x2f\xfd rest", "zstdcat"), (b"PK\x03\x04 rest", "unzip")],
)
def test_a_file_that_cannot_be_read_is_named_with_the_way_out(
    lone_cli: Cli, file: Path, content: bytes | None, said: str
) -> None:
    lone_cli.settings["PIPELINE_KAFKA"] = "127.0.0.1:1"  # it is not asked before the file is opened
    if content is not None:
        file.write_bytes(content)
    done = lone_cli.run("publish", str(file))
    assert done.returncode == 1
    assert said in done.stderr
    assert str(file) in done.stderr


def test_a_gzip_file_that_is_cut_off_says_so(cli: Cli, service: str, tmp_path: Path) -> None:
    file = tmp_path / "cut.gz"
    file.write_bytes(gzip.compress(lines(*(operation(service, number) for number in range(500))))[:-200])
    done = cli.run("publish", str(file))
    assert done.returncode == 1
    assert f"{file} cannot be read to its end" in done.stderr
