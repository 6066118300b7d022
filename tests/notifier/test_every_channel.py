"""What every channel promises to the notifier, whichever it is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import pytest

from pipeline.notifier.channels.config import ChannelConfig, EmailConfig, PagerDutyConfig, SlackConfig, WebhookConfig
from pipeline.notifier.channels.making import make_channel
from pipeline.notifier.message import Channel, Refused
from tests.notifier.mail_server import mail_server
from tests.notifier.notices import huge, nasty, notification, resolved
from tests.notifier.receiver import answers, answers_json, hangs, http_receiver

SENT = answers_json('{"ok":true,"channel":"C1","ts":"1.1"}')


@dataclass
class Counterpart:
    """A receiver of one kind, and what it can be made to do."""

    config: ChannelConfig
    takes: Callable[[], None]
    fails: Callable[[], None]
    refuses: Callable[[], None]
    hangs: Callable[[], None]
    came: Callable[[], int]


@asynccontextmanager
async def over_http(make: Callable[[str], ChannelConfig]) -> AsyncIterator[Counterpart]:
    async with http_receiver() as receiver:
        receiver.will(SENT)
        yield Counterpart(
            config=make(receiver.url),
            takes=lambda: receiver.will(SENT),
            fails=lambda: receiver.will(answers(503, "away")),
            refuses=lambda: receiver.will(answers(400, "no")),
            hangs=lambda: receiver.will(hangs),
            came=lambda: len(receiver.received),
        )


@asynccontextmanager
async def over_smtp() -> AsyncIterator[Counterpart]:
    async with mail_server() as mailbox:

        def will(answer: str, *, hang: bool = False) -> Callable[[], None]:
            def change() -> None:
                mailbox.answer, mailbox.hangs = answer, hang

            return change

        yield Counterpart(
            config=EmailConfig(
                name="it",
                host="127.0.0.1",
                port=mailbox.port,
                security="none",
                sender="a@b.example",
                to=("c@d.example",),
            ),
            takes=will("250 OK"),
            fails=will("451 away"),
            refuses=will("554 no"),
            hangs=will("250 OK", hang=True),
            came=lambda: len(mailbox.taken),
        )


KINDS: dict[str, Callable[[], AbstractAsyncContextManager[Counterpart]]] = {
    "slack bot": lambda: over_http(lambda url: SlackConfig(name="it", token_env="SECRET", channel="C1", api=url)),
    "webhook": lambda: over_http(lambda url: WebhookConfig(name="it", url=url, secret_env="SECRET")),
    "pagerduty": lambda: over_http(lambda url: PagerDutyConfig(name="it", routing_key_env="SECRET", url=url)),
    "email": over_smtp,
}


@pytest.fixture(params=KINDS)
async def other(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Counterpart]:
    monkeypatch.setenv("SECRET", "e93facc04764012d7bfb002500d5d1a6")
    async with KINDS[request.param]() as started:
        yield started


@pytest.fixture
async def channel(other: Counterpart) -> AsyncIterator[Channel]:
    made = make_channel(other.config)
    yield made
    await made.close()


async def test_it_has_the_name_of_its_configuration_and_sends(other: Counterpart, channel: Channel) -> None:
    assert channel.name == "it"
    reference = await channel.send(notification())
    await channel.send(notification(kind="repeat", previous=reference))
    await channel.send(resolved(previous=reference))
    assert other.came() >= 3


async def test_it_sends_whatever_an_alert_says(other: Counterpart, channel: Channel) -> None:
    for notice in (nasty(), huge(20), notification(alerts=(), kind="test", severity="info"), notification(title="")):
        await channel.send(notice)
    assert other.came() == 4


async def test_what_fails_is_tried_again_and_what_is_refused_is_not(other: Counterpart, channel: Channel) -> None:
    other.fails()
    with pytest.raises(Refused, match=r"127.0.0.1 answered .*away") as failed:
        await channel.send(notification())
    other.refuses()
    with pytest.raises(Refused, match=r"127.0.0.1 answered .*no") as refused:
        await channel.send(notification())
    assert (failed.value.permanent, refused.value.permanent) == (False, True)
    other.takes()
    await channel.send(notification())


async def test_one_that_is_given_up_on_can_be_asked_again(other: Counterpart, channel: Channel) -> None:
    other.hangs()
    began_s = time.monotonic()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(channel.send(notification()), 0.3)
    assert time.monotonic() - began_s < 5  # and not the channel's own timeout
    other.takes()
    await channel.send(notification())


async def test_a_closed_one_opens_again(other: Counterpart, channel: Channel) -> None:
    await channel.send(notification())
    await channel.close()
    await channel.close()
    await channel.send(notification())
    assert other.came() == 2


async def test_a_secret_that_is_missing_is_named_by_its_place_and_tried_again(
    other: Counterpart, channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not other.config.secrets():
        return
    monkeypatch.delenv("SECRET")
    with pytest.raises(Refused, match="variable SECRET is not set; set it where the notifier runs") as refused:
        await channel.send(notification())
    assert not refused.value.permanent
    assert other.came() == 0
