"""The webhook, and a receiver that checks what it is sent as docs/channels.md tells it to."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import jsonschema  # type: ignore[import-untyped] # its stubs are a package of their own
import pytest

from pipeline.notifier.channels.config import WebhookConfig
from pipeline.notifier.channels.making import make_channel
from pipeline.notifier.channels.webhook import body_of
from pipeline.notifier.message import Channel, Refused
from schemas.generate import schema_path
from schemas.notice import NoticeRecord
from tests.notifier.notices import huge, nasty, notification, resolved
from tests.notifier.receiver import Receiver, answers, closes_in_the_middle

SECRET = "whsec-0123456789abcdef"


@pytest.fixture
async def hook(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Channel]:
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    monkeypatch.setenv("TENANT", "t-17")
    config = WebhookConfig(
        name="hook",
        url=f"{receiver.url}/alerts",
        secret_env="HOOK_SECRET",
        headers_env={"X-Tenant": "TENANT"},
        timeout_s=3,
    )
    channel = make_channel(config)
    yield channel
    await channel.close()


NOTICES = [
    notification(),
    resolved(),
    nasty(),
    huge(5),
    notification(alerts=(), kind="custom", text="maintenance"),
    notification(alerts=(), kind="heartbeat", severity="info"),
]


@pytest.mark.parametrize("notice", NOTICES, ids=range(len(NOTICES)))
def test_the_body_is_what_its_schema_says_and_the_model_reads_it_back(notice: Any) -> None:
    body = body_of("hook", notice)
    jsonschema.Draft202012Validator(json.loads(schema_path("notice").read_text())).validate(json.loads(body))
    read = NoticeRecord.model_validate_json(body)
    assert json.loads(body) == read.model_dump(mode="json")
    assert (read.key, read.group, len(read.alerts), read.omitted) == (
        notice.key,
        notice.group,
        len(notice.alerts),
        notice.omitted,
    )


async def test_a_receiver_can_check_who_sent_it_and_when(receiver: Receiver, hook: Channel) -> None:
    before_s = int(time.time())
    assert await hook.send(notification()) is None
    (one,) = receiver.received
    timestamp = one.headers["Pipeline-Timestamp"]
    expected = hmac.new(SECRET.encode(), timestamp.encode() + b"." + one.body, hashlib.sha256).hexdigest()
    assert one.headers["Pipeline-Signature"] == f"v1={expected}"
    assert before_s <= int(timestamp) <= time.time()
    assert (one.path, one.headers["X-Tenant"]) == ("/alerts", "t-17")


async def test_every_attempt_has_the_same_key_and_body(receiver: Receiver, hook: Channel) -> None:
    receiver.will(answers(503, Retry_After="0"), answers(204, ""))
    with pytest.raises(Refused):
        await hook.send(notification())
    await hook.send(notification())
    first, second = receiver.received
    assert (first.headers["Idempotency-Key"], first.body) == (second.headers["Idempotency-Key"], second.body)
    assert first.headers["Idempotency-Key"] == "g1-0001-ops"


async def test_a_key_that_no_header_can_hold_is_made_one(receiver: Receiver, hook: Channel) -> None:
    await hook.send(notification(key="å\r\nX-Evil: 1"))
    (one,) = receiver.received
    assert one.headers["Idempotency-Key"] == "%C3%A5%0D%0AX-Evil: 1"
    assert "X-Evil" not in one.headers
    assert json.loads(one.body)["key"] == "å\r\nX-Evil: 1"


async def test_a_success_is_one_whatever_comes_after_it(receiver: Receiver, hook: Channel) -> None:
    receiver.will(closes_in_the_middle(200))
    await hook.send(notification())


async def test_an_address_that_is_a_secret_and_a_bearer_token(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_URL", f"{receiver.url}/secret-path")
    monkeypatch.setenv("HOOK_TOKEN", "bearer-1")
    channel = make_channel(WebhookConfig(name="hook", url_env="HOOK_URL", token_env="HOOK_TOKEN"))
    await channel.send(notification())
    (one,) = receiver.received
    assert (one.path, one.headers["Authorization"]) == ("/secret-path", "Bearer bearer-1")
    assert "Pipeline-Signature" not in one.headers
    await channel.close()
