"""One attempt to send, and how it went; whatever a channel raises comes out as an answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from pipeline.notifier.message import Channel, Notification, Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """`answer` is empty where the message was taken; else it says why not, without secrets."""

    answer: str = ""
    reference: str | None = None
    permanent: bool = False
    retry_after_ms: int | None = None


async def attempt(channel: Channel, notification: Notification, timeout_s: float) -> Attempt:
    """Return how an attempt went; it takes `timeout_s` at most."""
    try:
        async with asyncio.timeout(timeout_s):
            return Attempt(reference=await channel.send(notification))
    except Refused as refused:
        after_s = refused.retry_after_s
        return Attempt(
            answer=str(refused) or "refused",
            permanent=refused.permanent,
            retry_after_ms=None if after_s is None else int(after_s * 1_000),
        )
    except TimeoutError:
        return Attempt(answer=f"no answer within {timeout_s:g} s")
    except Exception as error:  # noqa: BLE001 - whatever it is, the other messages and channels go on; it is logged
        return Attempt(answer=type(error).__name__)  # its text may hold an address that is a secret
