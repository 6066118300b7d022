"""Slack as a bot and as an incoming webhook, against a server that answers as Slack does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from pipeline.notifier.channels.config import SlackConfig
from pipeline.notifier.channels.making import make_channel
from pipeline.notifier.message import Channel, Refused
from tests.notifier.notices import alert, notification, resolved
from tests.notifier.published import check
from tests.notifier.receiver import Receiver, answers, answers_json, hangs

TOKEN = "xoxb-test-token"
POSTED = answers_json('{"ok":true,"channel":"C0123456789","ts":"1503435956.000247","message":{}}')
UPDATED = answers_json('{"ok":true,"channel":"C0123456789","ts":"1503435956.000247","text":"x"}')
REFERENCE = "C0123456789:1503435956.000247"


def refuses(error: str) -> Any:
    return answers_json(json.dumps({"ok": False, "error": error}))


def bot_config(receiver: Receiver, **changes: Any) -> SlackConfig:
    options: dict[str, Any] = {
        "name": "ops",
        "channel": "#ops",
        "token_env": "SLACK_TOKEN",
        "api": f"{receiver.url}/api",
        "timeout_s": 3,
    }
    return SlackConfig(**options | changes)


@pytest.fixture
async def bot(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Channel]:
    monkeypatch.setenv("SLACK_TOKEN", TOKEN)
    channel = make_channel(bot_config(receiver, mentions={"critical": "<!here>"}))
    yield channel
    await channel.close()


def calls(receiver: Receiver) -> list[tuple[str, dict[str, Any]]]:
    for one in receiver.received:
        check("slack_message", one.body)
        assert one.headers["Authorization"] == f"Bearer {TOKEN}"
    return [(one.path.removeprefix("/api/"), json.loads(one.body)) for one in receiver.received]


async def test_the_first_notice_is_a_new_message_that_calls_people(receiver: Receiver, bot: Channel) -> None:
    receiver.will(POSTED)
    assert await bot.send(notification()) == REFERENCE
    ((method, body),) = calls(receiver)
    assert (method, body["channel"]) == ("chat.postMessage", "#ops")
    assert body["text"] == "<!here> *[CRITICAL] error rate of prod/checkout/pay is 7.31 % over 5m*"
    assert body["metadata"]["event_payload"] == {"key": "g1-0001-ops", "group": "service=checkout,environment=prod"}


async def test_later_ones_edit_it_and_are_said_in_its_thread(receiver: Receiver, bot: Channel) -> None:
    receiver.will(UPDATED, POSTED)
    worse = notification(key="g1-0002-ops", previous=REFERENCE, title="it got worse")
    assert await bot.send(worse) == REFERENCE
    (update, edited), (post, reply) = calls(receiver)
    assert (update, edited["channel"], edited["ts"]) == ("chat.update", "C0123456789", "1503435956.000247")
    assert (edited["text"], edited["parse"]) == ("*[CRITICAL] it got worse*", "none")
    assert (post, reply["thread_ts"], reply["reply_broadcast"]) == ("chat.postMessage", "1503435956.000247", True)
    assert reply["text"] == "<!here> *[CRITICAL] it got worse*"


async def test_the_end_is_an_edit_and_a_reply_only_by_request(
    receiver: Receiver, bot: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.will(UPDATED)
    await bot.send(resolved(previous=REFERENCE))
    assert [method for method, _ in calls(receiver)] == ["chat.update"]
    told = make_channel(bot_config(receiver, replies=("resolved",), broadcast_replies=False))
    receiver.will(UPDATED, POSTED)
    await told.send(resolved(previous=REFERENCE))
    method, reply = calls(receiver)[-1]
    assert (method, reply["text"]) == (
        "chat.postMessage",
        "*[RESOLVED] error rate of prod/checkout/pay is 7.31 % over 5m*",
    )
    assert "reply_broadcast" not in reply
    await told.close()


async def test_who_looks_after_it_stands_in_the_message_and_calls_nobody(receiver: Receiver, bot: Channel) -> None:
    receiver.will(UPDATED)
    await bot.send(notification(kind="acknowledged", previous=REFERENCE, text="ann looks after it: rolling back"))
    ((method, body),) = calls(receiver)
    assert (method, body["text"]) == (
        "chat.update",
        "*[ACKNOWLEDGED] error rate of prod/checkout/pay is 7.31 % over 5m*",
    )
    assert body["attachments"][0]["blocks"][0]["text"]["text"] == "ann looks after it: rolling back"


@pytest.mark.parametrize("error", ["message_not_found", "edit_window_closed", "channel_not_found"])
async def test_a_message_that_is_gone_is_posted_anew(receiver: Receiver, bot: Channel, error: str) -> None:
    receiver.will(refuses(error), POSTED)
    assert await bot.send(resolved(previous="C0123456789:1.1")) == REFERENCE
    assert [method for method, _ in calls(receiver)] == ["chat.update", "chat.postMessage"]


async def test_a_reference_of_another_time_is_no_obstacle(receiver: Receiver, bot: Channel) -> None:
    receiver.will(POSTED)
    assert await bot.send(notification(previous="<mail@example.com>")) == REFERENCE


@pytest.mark.parametrize("error", ["invalid_auth", "channel_not_found", "not_in_channel", "msg_blocks_too_long"])
async def test_what_slack_will_never_take_is_permanent(receiver: Receiver, bot: Channel, error: str) -> None:
    receiver.will(refuses(error))
    with pytest.raises(Refused) as raised:
        await bot.send(notification())
    assert (str(raised.value), raised.value.permanent) == (f"Slack refused: {error}", True)


@pytest.mark.parametrize("error", ["ratelimited", "internal_error", "fatal_error", "an_error_of_tomorrow"])
async def test_what_may_pass_is_tried_again(receiver: Receiver, bot: Channel, error: str) -> None:
    receiver.will(refuses(error))
    with pytest.raises(Refused) as raised:
        await bot.send(notification(previous=REFERENCE))
    assert not raised.value.permanent


async def test_slack_says_when_to_come_back(receiver: Receiver, bot: Channel) -> None:
    receiver.will(answers(429, '{"ok":false,"error":"ratelimited"}', Retry_After="30"), POSTED)
    with pytest.raises(Refused) as raised:
        await bot.send(notification())
    assert (raised.value.retry_after_s, raised.value.permanent) == (30, False)
    assert await bot.send(notification()) == REFERENCE


async def test_an_answer_that_is_not_slacks_is_tried_again(receiver: Receiver, bot: Channel) -> None:
    receiver.will(answers(200, "<html>Sign in to the guest network</html>"))
    with pytest.raises(Refused, match="Slack's answer is not its own: <html>Sign in") as raised:
        await bot.send(notification())
    assert not raised.value.permanent


async def test_an_incoming_webhook_always_posts_anew(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_HOOK", f"{receiver.url}/services/T000/B000/hooksecret")
    channel = make_channel(SlackConfig(name="ops", url_env="SLACK_HOOK", link="https://grafana.example.com/"))
    for notice in (notification(), resolved(previous="C1:1.1")):
        assert await channel.send(notice) is None
    assert [one.path for one in receiver.received] == ["/services/T000/B000/hooksecret"] * 2
    for one in receiver.received:
        check("slack_message", one.body)
        assert json.loads(one.body)["text"].endswith("<https://grafana.example.com/|Open>")
    await channel.close()


@pytest.mark.parametrize(
    ("status", "text"), [(403, "invalid_token"), (404, "no_service"), (410, "channel_is_archived")]
)
async def test_an_incoming_webhook_that_is_gone_is_permanent(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, status: int, text: str
) -> None:
    monkeypatch.setenv("SLACK_HOOK", f"{receiver.url}/services/T000/B000/hooksecret")
    receiver.will(answers(status, text))
    channel = make_channel(SlackConfig(name="ops", url_env="SLACK_HOOK"))
    with pytest.raises(Refused) as raised:
        await channel.send(notification())
    assert (str(raised.value), raised.value.permanent) == (f"127.0.0.1 answered {status}: {text}", True)
    await channel.close()


async def test_a_token_that_is_changed_in_its_file_is_used_at_once(receiver: Receiver, tmp_path: Any) -> None:
    file = tmp_path / "token"
    receiver.will(POSTED)
    channel = make_channel(bot_config(receiver, token_env=None, token_file=str(file)))
    for token in ("xoxb-old", "xoxb-new"):
        file.write_text(f"{token}\n")
        await channel.send(notification(alerts=(alert(),)))
    assert [one.headers["Authorization"] for one in receiver.received] == ["Bearer xoxb-old", "Bearer xoxb-new"]
    await channel.close()


async def test_a_slack_that_hangs_is_left(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_TOKEN", TOKEN)
    receiver.will(hangs)
    channel = make_channel(bot_config(receiver, timeout_s=0.3))
    with pytest.raises(Refused, match=r"127.0.0.1 did not answer within 0.3 s"):
        await channel.send(notification())
    await channel.close()
