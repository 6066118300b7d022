"""What the notifier and its channels agree on: the message, who sends it, and how a receiver says no."""

from __future__ import annotations

from typing import Protocol

from pipeline.core.notices.notification import Kind, Notification
from pipeline.errors import PipelineError

__all__ = ["Channel", "Kind", "Notification", "Refused"]


class Channel(Protocol):
    """One place where people read, such as a Slack channel or a list of mail addresses."""

    name: str

    async def send(self, notification: Notification) -> str | None:
        """Send, and return the provider's reference to the message, if it gives one: the next one's `previous`.

        Called by one task at a time, and cancelled when it takes too long. The same key may come again after a crash:
        it goes with the message, so that the receiver can tell. Raises Refused, or whatever the network raises.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class Refused(PipelineError):  # noqa: N818 - the name says what happened
    """A receiver did not take a message.

    The text says what it answered, without secrets. `permanent`: the same message will never be taken, so it is not
    tried again. `retry_after_s` is when to try again, if the receiver says so.
    """

    def __init__(self, text: str, *, permanent: bool = False, retry_after_s: float | None = None) -> None:
        super().__init__(text)
        self.permanent = permanent
        self.retry_after_s = retry_after_s
