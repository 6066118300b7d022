"""`pipeline notify`, as a process of its own against a real receiver: what it sends, says and returns."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from tests.notifier.receiver import Receiver, answers

FILE = """\
channels:
  - {{name: pager, type: webhook, url: '{url}/pager'}}
  - {{name: chat, type: webhook, url: '{url}/chat', token_env: CHAT_TOKEN}}
routes:
  - {{name: pages, match: {{severity: critical, team: payments}}, channels: pager, continue: true}}
  - {{name: rest, match: {{severity: [warning, critical]}}, channels: chat}}
"""


@pytest.fixture
def file(receiver: Receiver, tmp_path: Path) -> Path:
    path = tmp_path / "notifications.yaml"
    path.write_text(FILE.format(url=receiver.url))
    return path


def change(file: Path, old: str, new: str) -> None:
    """Write another word into the file."""
    file.write_text(file.read_text().replace(old, new))


async def notify(file: Path, *words: str) -> tuple[int | None, str]:
    """Run `pipeline notify` and return its exit code and everything that it says."""
    environment = {
        **os.environ,
        "PIPELINE_NOTIFICATIONS": str(file),
        "PIPELINE_HOME": str(file.parent),
        "CHAT_TOKEN": "t0ken",
        "COLUMNS": "200",
    }
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pipeline.cli.main", "notify", *words),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await child.communicate()
    return child.returncode, said.decode()


def told(receiver: Receiver) -> list[tuple[str, str, str, str]]:
    """Return what came: path, kind, severity and text."""
    bodies = [(one.path, json.loads(one.body)) for one in receiver.received]
    return sorted((path, body["kind"], body["severity"], body["text"]) for path, body in bodies)


async def test_a_test_goes_to_the_one_channel_that_is_named(receiver: Receiver, file: Path) -> None:
    assert await notify(file, "test", "chat") == (0, "chat: sent\n")
    ((path, kind, severity, _),) = told(receiver)
    assert (path, kind, severity) == ("/chat", "test", "info")
    assert receiver.received[0].headers["Authorization"] == "Bearer t0ken"


async def test_an_alert_of_ones_own_goes_where_the_routes_send_it(receiver: Receiver, file: Path) -> None:
    code, said = await notify(file, "send", "--severity", "critical", "--label", "team=payments", "the bank is down")
    assert (code, said) == (0, "pager: sent\nchat: sent\n")
    assert told(receiver) == [
        ("/chat", "custom", "critical", "the bank is down"),
        ("/pager", "custom", "critical", "the bank is down"),
    ]


async def test_an_alert_of_ones_own_that_no_route_takes_is_an_error(receiver: Receiver, file: Path) -> None:
    code, said = await notify(file, "send", "--severity", "info", "hello")
    assert code == 1
    assert "No route fits: nobody was told." in said
    assert receiver.received == []


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("send", "--label", "payments", "hello"), "--label 'payments'; allowed: NAME=VALUE"),
        (("send", " "), "TEXT is empty"),
        (("broadcast", ""), "TEXT is empty"),
    ],
)
async def test_what_says_nothing_is_refused_and_sent_to_nobody(
    receiver: Receiver, file: Path, words: tuple[str, ...], why: str
) -> None:
    code, said = await notify(file, *words)
    assert (code, why in said) == (2, True), said
    assert receiver.received == []


async def test_a_broadcast_goes_to_every_channel(receiver: Receiver, file: Path) -> None:
    code, _ = await notify(file, "broadcast", "maintenance at six")
    assert code == 0
    assert [path for path, *_ in told(receiver)] == ["/chat", "/pager"]


async def test_a_channel_that_does_not_take_it_is_named_with_its_answer_and_tried_three_times(
    receiver: Receiver, file: Path
) -> None:
    receiver.will(answers(503, "come back later"))
    code, said = await notify(file, "test", "chat")
    assert code == 1
    assert "503" in said
    assert "t0ken" not in said
    assert len(receiver.received) == 3
    assert len({one.headers["Idempotency-Key"] for one in receiver.received}) == 1


async def test_a_receiver_that_will_never_take_it_is_asked_once(receiver: Receiver, file: Path) -> None:
    receiver.will(answers(404, "no such hook"))
    code, said = await notify(file, "test", "chat")
    assert (code, "404" in said) == (1, True)
    assert len(receiver.received) == 1


async def test_a_channel_that_is_not_there_is_said_so_with_those_that_are(file: Path) -> None:
    code, said = await notify(file, "test", "mail")
    assert code == 1
    assert "There is no channel mail; there are: pager, chat." in said


async def test_check_says_who_is_told_and_which_secrets_are_not_set_here(file: Path) -> None:
    change(file, "CHAT_TOKEN", "OTHER_TOKEN")
    code, said = await notify(file, "check", str(file))
    assert code == 0
    assert "route pages → pager, grouped by environment, service" in said
    assert "OTHER_TOKEN" in said
    assert said.endswith("No mistakes: 2 channels, 2 routes.\n")


async def test_check_says_every_mistake_with_its_line(file: Path) -> None:
    change(file, "type: webhook", "type: webhok")
    change(file, "channels: chat", "channels: cat")
    code, said = await notify(file, "check", str(file))
    assert code == 1
    lines = [line.removeprefix(str(file)) for line in said.splitlines()]
    assert [line.split(" ")[0] for line in lines] == [":2:", ":3:", ":6:", "3"]
