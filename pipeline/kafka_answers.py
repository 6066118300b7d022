"""An answer of Kafka that aiokafka 0.14 misreads: what a group has committed, asked in the wrong moment."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import for_code
from aiokafka.protocol.commit import OffsetFetchResponse_v2, OffsetFetchResponse_v3

_Send = Callable[..., Awaitable[Any]]


def refuse_failed_answers() -> None:
    """From now on every client of this process raises the error that an answer about committed offsets carries.

    Since version 2 such an answer has one error for all partitions, and no partitions with it (KIP-88). aiokafka looks
    at the partitions only: a group whose coordinator is loading seems to have committed nothing, and a consumer begins
    at its reset policy, at the beginning of everything. Raised, the error is tried again like any other.
    """
    if not getattr(AIOKafkaClient.send, "refuses", False):
        AIOKafkaClient.send = refusing(AIOKafkaClient.send)


def refusing(send: _Send) -> _Send:
    """Return `AIOKafkaClient.send` that raises a KafkaError for an answer which failed as a whole."""

    async def checked(self: AIOKafkaClient, *arguments: Any, **named: Any) -> Any:
        answer = await send(self, *arguments, **named)
        if isinstance(answer, OffsetFetchResponse_v2 | OffsetFetchResponse_v3) and answer.error_code:
            raise for_code(answer.error_code)("asked what a group has committed")
        return answer

    checked.refuses = True  # type: ignore[attr-defined]  # so that it is wrapped once
    return checked
