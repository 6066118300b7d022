"""Slack: by a bot, which edits one message as the group goes on, or by an incoming webhook, which can't."""

from __future__ import annotations

import msgspec

from pipeline.notifier.channels.config import SlackConfig
from pipeline.notifier.channels.http_post import Poster
from pipeline.notifier.channels.secrets import parts_of_address
from pipeline.notifier.channels.slack_answer import GONE, SlackAnswer, SlackRefused, read_answer
from pipeline.notifier.channels.slack_message import Json, message, reply
from pipeline.notifier.message import Channel, Notification

_EVENT_TYPE = "event_pipeline_notice"


def slack_channel(config: SlackConfig) -> Channel:
    """Return the channel: a bot's where there is a token, else an incoming webhook's."""
    return SlackBot(config) if config.token() else SlackWebhook(config)


class SlackWebhook:
    """An incoming webhook: every notice is a new message, and there is no reference."""

    def __init__(self, config: SlackConfig) -> None:
        self.name = config.name
        self._config = config
        self._poster = Poster(config.timeout_s)

    async def send(self, notification: Notification) -> None:
        """Post the notice."""
        url = self._config.url().read()
        body = message(notification, link_to=self._config.link, mention=_mention(self._config, notification))
        await self._poster.post(url, msgspec.json.encode(body), {}, parts_of_address(url), answer_counts=False)

    async def close(self) -> None:
        """Let go of connections."""
        await self._poster.close()


class SlackBot:
    """A bot in a channel. The reference is ``channel:ts`` of the group's message, which later notices edit.

    Slack tells nobody of an edit. So those that people should hear of are said in the message's thread too, by default
    also shown in the channel: `replies` and `broadcast_replies` say which.
    """

    def __init__(self, config: SlackConfig) -> None:
        self.name = config.name
        self._config = config
        self._poster = Poster(config.timeout_s)

    async def send(self, notification: Notification) -> str:
        """Edit the group's message, or post one if there is none, or it can't be edited any more."""
        if notification.previous is not None and ":" in notification.previous:
            try:
                return await self._edit(notification, notification.previous)
            except SlackRefused as refused:
                if refused.error not in GONE:
                    raise
        return await self._post_new(notification)

    async def close(self) -> None:
        """Let go of connections."""
        await self._poster.close()

    async def _post_new(self, notification: Notification) -> str:
        body = message(notification, link_to=self._config.link, mention=_mention(self._config, notification))
        answer = await self._ask("chat.postMessage", notification, {"channel": self._config.channel, **body})
        return f"{answer.channel}:{answer.ts}"

    async def _edit(self, notification: Notification, previous: str) -> str:
        channel, _, ts = previous.partition(":")
        body = message(notification, link_to=self._config.link)
        await self._ask("chat.update", notification, {"channel": channel, "ts": ts, **body})
        if notification.kind in self._config.replies:
            mention = _mention(self._config, notification)
            answer = {"channel": channel, "thread_ts": ts, "text": " ".join([mention, reply(notification)]).strip()}
            broadcast = {"reply_broadcast": True} if self._config.broadcast_replies else {}
            await self._ask("chat.postMessage", notification, {**answer, **broadcast})
        return previous

    async def _ask(self, method: str, notification: Notification, body: Json) -> SlackAnswer:
        token = self._config.token().read()
        # `parse`: chat.update would make links of names in the text, unlike chat.postMessage. The key goes along
        # for programs that read the channel: Slack itself does not drop a message that comes twice.
        payload = {"event_type": _EVENT_TYPE, "event_payload": {"key": notification.key, "group": notification.group}}
        whole = msgspec.json.encode({**body, "parse": "none", "metadata": payload})
        headers = {"Authorization": f"Bearer {token}"}
        answer = await self._poster.post(f"{self._config.api}/{method}", whole, headers, [token])
        return read_answer(answer, [token])


def _mention(config: SlackConfig, notification: Notification) -> str:
    """Return whom to call: people are called for what fires, not for what is over."""
    return config.mentions.get(notification.severity, "") if notification.kind in ("firing", "repeat", "custom") else ""
