"""A delivery: one notification for one channel, and what became of it."""

from __future__ import annotations

from typing import Literal

import msgspec

from pipeline.core.notices.notification import Notification
from pipeline.core.notices.suppression import Why

KEPT_MS = 7 * 86_400_000
"""So long what became of a delivery is remembered, at least."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True, tag="delivery1", tag_field="type"):
    """Written down before it is sent, so that it is sent; and after, so that it is not sent again."""

    channel: str
    notification: Notification
    made_ms: int
    state: Literal["waiting", "delivered", "undelivered"] = "waiting"
    attempts: int = 0
    answer: str = ""  # why the last attempt failed
    reference: str | None = None  # what the provider calls the message
    ended_ms: int | None = None
    resend_ms: int | None = None  # the newest request to send it again that was obeyed
    held: tuple[Why, ...] = ()  # why it had to wait for its channel, as far as that was noted

    @property
    def key(self) -> str:
        """The idempotency key."""
        return self.notification.key

    @property
    def thread(self) -> tuple[str, str]:
        """What has an order among deliveries: the group's messages on this channel."""
        return self.notification.group, self.channel

    def delivered(self, now_ms: int, reference: str | None) -> Delivery:
        """Return it as the receiver took it."""
        return msgspec.structs.replace(
            self, state="delivered", attempts=self.attempts + 1, ended_ms=now_ms, reference=reference, answer=""
        )

    def failed(self, answer: str) -> Delivery:
        """Return it after an attempt that failed, to be tried again."""
        return msgspec.structs.replace(self, attempts=self.attempts + 1, answer=answer)

    def kept_back(self, why: Why) -> Delivery:
        """Return it as noted to wait for its channel."""
        return msgspec.structs.replace(self, held=(*self.held, why))

    def undelivered(self, now_ms: int, answer: str = "") -> Delivery:
        """Return it as given up."""
        return msgspec.structs.replace(self, state="undelivered", ended_ms=now_ms, answer=answer or self.answer)

    def overtaken(self, requested_ms: int) -> Delivery:
        """Return it as not sent again, although somebody asked for it."""
        why = "a later message of its group was delivered: it is not sent again"
        return msgspec.structs.replace(self, answer=why, resend_ms=requested_ms)

    def again(self, requested_ms: int) -> Delivery:
        """Return it as somebody asked for it to be sent again."""
        return msgspec.structs.replace(
            self, state="waiting", attempts=0, ended_ms=None, resend_ms=requested_ms, held=()
        )
