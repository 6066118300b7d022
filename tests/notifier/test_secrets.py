"""No secret shows: not in a repr, not in a log line, not in an exception or its chain, though the server echoes it."""

from __future__ import annotations

import base64
import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from pipeline.notifier.channels.config import (
    ChannelConfig,
    EmailConfig,
    PagerDutyConfig,
    SlackConfig,
    WebhookConfig,
)
from pipeline.notifier.channels.making import make_channel
from pipeline.notifier.channels.secrets import SecretName, redacted
from pipeline.notifier.message import Refused
from tests.notifier.notices import notification
from tests.notifier.receiver import (
    Behaviour,
    Receiver,
    answers_json,
    closes_before_it_answers,
    echoes,
    hangs,
    names_the_last_part,
)

SECRETS = {
    "TOKEN": "xoxb-s3cr3t/tok+en=",
    "KEY": "e93facc04764012d7bfb002500d5d1a6",
    "SIGNING": 'sign"ing\\s3cr3t',
    "HEADER": "h3ader s3cr3t",
    "HOOK_PATH": "T000/B000/h00k-s3cr3t",
}


def slack_bot(url: str) -> ChannelConfig:
    return SlackConfig(name="ops", token_env="TOKEN", channel="#ops", api=url, timeout_s=0.5)


def slack_hook(url: str) -> ChannelConfig:
    return SlackConfig(name="ops", url_env="HOOK", timeout_s=0.5)


def webhook(url: str) -> ChannelConfig:
    return WebhookConfig(
        name="hook",
        url_env="HOOK",
        secret_env="SIGNING",
        token_env="TOKEN",
        headers_env={"X-Secret": "HEADER"},
        timeout_s=0.5,
    )


def pagerduty(url: str) -> ChannelConfig:
    return PagerDutyConfig(name="page", routing_key_env="KEY", url=url, timeout_s=0.5)


MAKERS = [slack_bot, slack_hook, webhook, pagerduty]
BEHAVIOURS: list[Behaviour] = [
    echoes(200),
    echoes(302),
    echoes(400),
    echoes(500),
    hangs,
    closes_before_it_answers,
    answers_json('{"ok":false,"error":"xoxb-s3cr3t/tok+en= was wrong"}'),
    names_the_last_part,
]


def shows(text: str) -> list[str]:
    """Return the secrets that a text shows, whole, in any spelling, or in large part."""
    spelled = {name: {secret, quote(secret, safe=""), secret[:-3], secret[3:]} for name, secret in SECRETS.items()}
    spelled["HOOK_PATH"].add(SECRETS["HOOK_PATH"].rpartition("/")[2])
    spelled["TOKEN"].add(base64.b64encode(SECRETS["TOKEN"].encode()).decode())
    return [name for name, spellings in spelled.items() if any(one in text for one in spellings)]


@pytest.fixture(autouse=True)
def secrets(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, secret in SECRETS.items():
        monkeypatch.setenv(name, secret)
    monkeypatch.setenv("HOOK", f"{receiver.url}/services/{SECRETS['HOOK_PATH']}")


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("behave", BEHAVIOURS)
async def test_nothing_that_is_said_of_a_failure_shows_a_secret(
    receiver: Receiver, make: Callable[[str], ChannelConfig], behave: Behaviour, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.will(behave)
    config = make(receiver.url)
    channel = make_channel(config)
    said = [repr(config), str(config), repr(channel), repr(channel.__dict__)]
    try:
        await channel.send(notification())
    except Refused as refused:
        said += [str(refused), repr(refused), *traceback.format_exception(refused)]
    await channel.close()
    assert len(receiver.received) >= 1
    assert shows("\n".join([*said, caplog.text])) == []


async def test_an_address_that_can_not_be_reached_is_not_shown_either(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for address in ("http://127.0.0.1:1", "http://[::1", "htp://x", "http://127.0.0.1:99999"):
        monkeypatch.setenv("HOOK", f"{address}/services/{SECRETS['HOOK_PATH']}")
        channel = make_channel(slack_hook(""))
        with pytest.raises(Refused) as raised:
            await channel.send(notification())
        assert shows("\n".join(traceback.format_exception(raised.value))) == []
        await channel.close()


def test_the_test_would_see_a_secret() -> None:
    assert shows(f"Bearer {SECRETS['TOKEN']}") == ["TOKEN"]
    assert shows(quote(SECRETS["SIGNING"], safe="")) == ["SIGNING"]
    assert shows(f"{SECRETS['HOOK_PATH'][:-3]} …") == ["HOOK_PATH"]


def test_a_password_is_not_in_the_mail_channel(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("p4ssw0rd")
    config = EmailConfig(
        name="m", host="h", username="u", password_file=str(file), sender="a@b.example", to=("c@d.example",)
    )
    channel = make_channel(config)
    assert "p4ssw0rd" not in f"{config!r} {channel!r} {channel.__dict__!r}"


@pytest.mark.parametrize(
    "echo",
    [
        lambda secret: secret,
        lambda secret: quote(secret, safe=""),
        lambda secret: base64.b64encode(secret.encode()).decode(),
        lambda secret: secret.encode().hex(),
        lambda secret: repr({"token": secret}),
    ],
)
@pytest.mark.parametrize("secret", ["plain", "a/b+c=d e", 'quo"te\\d', "schlüssel"])
def test_usual_spellings_are_blotted_out(echo: Callable[[str], str], secret: str) -> None:
    text = redacted(f"before {echo(secret)} after", ["", secret, secret[:3]])
    assert secret not in text
    assert echo(secret) not in text
    assert (text[:6], text[-5:]) == ("before", "after")


def test_a_secret_is_read_when_it_is_used(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    name = SecretName("token", file=str(file))
    for written in ("one", "two"):
        file.write_text(f" {written}\n")
        assert name.read() == written
    file.unlink()
    with pytest.raises(Refused) as refused:
        name.read()
    assert not refused.value.permanent


def test_a_file_with_more_than_a_secret_is_told_without_it(tmp_path: Path) -> None:
    contents: list[Any] = ["a\nb", "a\x00b", b"\xff\xfe"]
    for content in contents:
        file = tmp_path / "secret"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(Refused) as refused:
            SecretName("token", file=str(file)).read()
        assert "".join(traceback.format_exception(refused.value)).count("xff") == 0
