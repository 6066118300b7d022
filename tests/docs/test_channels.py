"""docs/channels.md: its examples are read, its keys are all there, and its receiver tells true from false."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, get_args

import msgspec
import pytest
from ruamel.yaml import YAML

from pipeline.notifier.channels.config import (
    ChannelConfig,
    EmailConfig,
    PagerDutyConfig,
    SlackConfig,
    WebhookConfig,
)
from pipeline.notifier.channels.http_post import ANSWER_BYTES_MAX, SAID_CHARACTERS
from pipeline.notifier.channels.signature import TOLERANCE_S, signature
from tests.docs.documents import ROOT, blocks

PAGE = ROOT / "docs" / "channels.md"
TEXT = PAGE.read_text(encoding="utf-8")
SECTIONS: dict[str, type[msgspec.Struct]] = {
    "Slack": SlackConfig,
    "E-mail": EmailConfig,
    "PagerDuty": PagerDutyConfig,
    "Webhook": WebhookConfig,
}
OF_ALL = {"name", "type", "link", "timeout_s", "attempts", "per_minute"}
NOW_S = 1_800_000_000


def examples() -> list[ChannelConfig]:
    listed = [entry for block in blocks(PAGE, "yaml") for entry in YAML(typ="safe").load(block)["channels"]]
    return [msgspec.convert(entry, type=ChannelConfig) for entry in listed]


def documented(section: str) -> set[str]:
    """Return the keys in the first column of a section's table."""
    text = TEXT.partition(f"## {section}\n")[2].partition("\n## ")[0] if section else TEXT.partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE)
    return {key for row in rows for key in re.findall(r"`(\w+)`", row)}


def test_every_example_is_a_channel() -> None:
    assert {type(config) for config in examples()} == set(get_args(ChannelConfig))


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_is_explained_and_none_that_is_not_there(section: str) -> None:
    keys = {field.encode_name for field in msgspec.structs.fields(SECTIONS[section])}
    assert documented(section) == keys - OF_ALL


def test_the_keys_of_all_are_explained() -> None:
    assert documented("") == OF_ALL


def test_the_numbers_are_those_of_the_code() -> None:
    assert f"{ANSWER_BYTES_MAX // 1_024} KiB of an answer" in TEXT
    assert f"first {SAID_CHARACTERS} characters" in TEXT
    assert f"> {TOLERANCE_S}:" in TEXT


@pytest.fixture
def is_genuine() -> Callable[..., bool]:
    (code,) = blocks(PAGE, "python")
    names: dict[str, Any] = {}
    exec(code, names)
    checked: Callable[..., bool] = names["is_genuine"]
    return checked


def test_the_receiver_takes_what_is_genuine_and_nothing_else(is_genuine: Callable[..., bool]) -> None:
    body = b'{"type":"notice"}'

    def headers(at_s: int = NOW_S, secret: str = "secret", signed: bytes = body) -> dict[str, str]:
        return {"Pipeline-Timestamp": str(at_s), "Pipeline-Signature": signature(secret, at_s, signed)}

    assert is_genuine("secret", headers(), body, NOW_S)
    assert is_genuine("secret", headers(NOW_S - 300), body, NOW_S)
    assert not is_genuine("secret", headers(NOW_S - 301), body, NOW_S)
    assert not is_genuine("secret", headers(NOW_S + 301), body, NOW_S)
    assert not is_genuine("secret", headers(secret="another"), body, NOW_S)
    assert not is_genuine("secret", headers(), body + b" ", NOW_S)
    assert not is_genuine("secret", headers() | {"Pipeline-Timestamp": str(NOW_S + 1)}, body, NOW_S)
    assert not is_genuine("secret", {}, body, NOW_S)
