"""What a channel can be told, and what is refused with a sentence that helps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline.notifier.channels.config import (
    ChannelConfig,
    EmailConfig,
    PagerDutyConfig,
    SlackConfig,
    WebhookConfig,
    unset_secrets,
)

SLACK = {"type": "slack", "name": "ops", "token_env": "SLACK_TOKEN", "channel": "C0123456789"}
EMAIL = {
    "type": "email",
    "name": "mail",
    "host": "mail.example.com",
    "from": "alerts@example.com",
    "to": ["a@b.example"],
}
WEBHOOK = {"type": "webhook", "name": "hook", "url": "https://example.com/alerts", "secret_file": "/run/secrets/hook"}
PAGERDUTY = {"type": "pagerduty", "name": "page", "routing_key_env": "PAGERDUTY_KEY"}


def read(value: dict[str, Any]) -> ChannelConfig:
    config: ChannelConfig = msgspec.convert(value, type=ChannelConfig)
    return config


@pytest.mark.parametrize(
    ("value", "kind"),
    [(SLACK, SlackConfig), (EMAIL, EmailConfig), (WEBHOOK, WebhookConfig), (PAGERDUTY, PagerDutyConfig)],
)
def test_each_type_is_told_by_its_tag(value: dict[str, Any], kind: type) -> None:
    config = read(value)
    assert isinstance(config, kind)
    assert (config.name, config.timeout_s, config.attempts, config.per_minute) == (value["name"], 10, 20, 60)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (SLACK | {"url_env": "HOOK"}, "found both of token and url"),
        (SLACK | {"token_env": None}, "found neither of token and url; allowed: one, such as token_env: SLACK_TOKEN"),
        (SLACK | {"channel": ""}, "channel belongs to token"),
        (SLACK | {"token": "xoxb-1"}, "unknown field `token`"),
        (SLACK | {"token_file": "/run/token"}, "found token_env and token_file; allowed: one of them"),
        (SLACK | {"mentions": {"critical": "@here"}}, "mentions critical: found @here; allowed: Slack's own form"),
        (SLACK | {"replies": ["firing", "sometimes"]}, "Invalid enum value 'sometimes' - at `$.replies[1]`"),
        (SLACK | {"api": "slack.com"}, "api: allowed: an address such as https://"),
        (SLACK | {"link": "javascript:alert(1)"}, "link: allowed: an address such as https://"),
        (SLACK | {"timeout_s": 0}, "timeout_s: found 0; allowed: more than 0, at most 120"),
        (SLACK | {"attempts": 0}, "attempts: found 0; allowed: 1 or more"),
        (EMAIL | {"to": []}, "to: found no address"),
        (EMAIL | {"to": ["a@b.example", "nobody"]}, "to: found 'nobody'; allowed: one mail address"),
        (EMAIL | {"to": ["a@b.example\r\nBcc: x@y.example"]}, "to: found 'a@b.example\\r\\nBcc"),
        (EMAIL | {"from": "two@a.example, three@a.example x"}, "from: found"),
        (EMAIL | {"username": "u"}, "found one of username and password"),
        (EMAIL | {"security": "none", "username": "u", "password_env": "P"}, "security: none would show the password"),
        (WEBHOOK | {"url_env": "HOOK"}, "allowed: one of url, url_env and url_file"),
        (WEBHOOK | {"url": "https://user:secret@example.com/"}, "url: it has a user or password inside"),
        (WEBHOOK | {"url": "ftp://example.com/"}, "url: allowed: an address such as"),
        (WEBHOOK | {"headers_env": {"Content-Length": "X"}}, "headers_env: found 'Content-Length'"),
        (WEBHOOK | {"headers_env": {"X\r\nY": "X"}}, "headers_env: found"),
        (WEBHOOK | {"headers_env": {"authorization": "X"}, "token_env": "T"}, "found token and a header Authorization"),
        (PAGERDUTY | {"routing_key_env": None}, "found no routing key"),
        (PAGERDUTY | {"type": "pager"}, "Invalid value 'pager'"),
    ],
)
def test_a_mistake_is_refused_with_what_was_found_and_what_is_allowed(value: dict[str, Any], told: str) -> None:
    with pytest.raises(msgspec.ValidationError) as raised:
        read(value)
    assert told in str(raised.value)
    assert "user:secret" not in str(raised.value)


def test_an_address_may_have_a_name_before_it() -> None:
    config = read(EMAIL | {"from": "Pipeline <alerts@example.com>", "to": ["On call <a@b.example>", "b@b.example"]})
    assert isinstance(config, EmailConfig)
    assert config.sender == "Pipeline <alerts@example.com>"


def test_a_secret_that_is_not_there_is_named_by_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLACK_TOKEN", raising=False)
    assert unset_secrets(read(SLACK)) == ["token: variable SLACK_TOKEN is not set; set it where the notifier runs"]
    monkeypatch.setenv("SLACK_TOKEN", " ")
    assert unset_secrets(read(SLACK)) == ["token: variable SLACK_TOKEN is empty; it must hold the secret, alone"]
    monkeypatch.setenv("SLACK_TOKEN", "xoxb-1\n")
    assert unset_secrets(read(SLACK)) == []
    file = tmp_path / "key"
    hook = read(WEBHOOK | {"secret_file": str(file), "headers_env": {"X-Tenant": "TENANT"}})
    monkeypatch.delenv("TENANT", raising=False)
    assert unset_secrets(hook) == [
        f"secret: file {file} can't be read: No such file or directory",
        "headers_env X-Tenant: variable TENANT is not set; set it where the notifier runs",
    ]
    file.write_text("two\nlines\n")
    monkeypatch.setenv("TENANT", "t1")
    (told,) = unset_secrets(hook)
    assert told.startswith(f"secret: file {file} has a line break")
    assert "two" not in told
    file.write_text("one line\n")
    assert unset_secrets(hook) == []
    file.write_bytes(b"\xff\xfe")
    assert unset_secrets(hook) == [f"secret: file {file} is not text in UTF-8"]
