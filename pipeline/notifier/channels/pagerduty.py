"""PagerDuty: a group of alerts is one incident, opened, acknowledged and resolved under the group's name."""

from __future__ import annotations

from pipeline.notifier.channels.config import PagerDutyConfig
from pipeline.notifier.channels.http_post import Poster
from pipeline.notifier.channels.pagerduty_event import Action, dedup_key, ending, trigger
from pipeline.notifier.message import Kind, Notification, Refused

_ENDINGS: dict[Kind, Action] = {"acknowledged": "acknowledge", "resolved": "resolve"}


class PagerDutyChannel:
    """An integration of Events API v2. The reference is the `dedup_key`."""

    def __init__(self, config: PagerDutyConfig) -> None:
        self.name = config.name
        self._config = config
        self._poster = Poster(config.timeout_s)

    async def send(self, notification: Notification) -> str:
        """Open the group's incident, add to it, or resolve it. The same event again changes nothing there."""
        if notification.kind == "heartbeat":
            raise Refused(
                "PagerDuty opens an incident for whatever it is sent; send heartbeats to a webhook that misses them",
                permanent=True,
            )
        key = self._config.routing_key().read()
        action = _ENDINGS.get(notification.kind)
        if action is not None:
            await self._post(ending(action, notification.group, key), key)
        else:
            await self._post(trigger(notification, key, self._config.link), key)
        return dedup_key(notification.group)

    async def close(self) -> None:
        """Let go of connections."""
        await self._poster.close()

    async def _post(self, event: bytes, key: str) -> None:
        # A status of success is all of the answer that counts; the integration key is never told.
        await self._poster.post(self._config.url, event, {}, [key], answer_counts=False)
