"""What a group has committed, asked while its coordinator is loading: aiokafka's own coordinator and admin client."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import GroupLoadInProgressError
from aiokafka.protocol.commit import OffsetFetchResponse_v3

from pipeline.kafka_answers import refuse_failed_answers, refusing

HERE = TopicPartition("events.operations", 3)
LOADING = OffsetFetchResponse_v3(0, [], GroupLoadInProgressError.errno)
LOADED = OffsetFetchResponse_v3(0, [(HERE.topic, [(HERE.partition, 306, "", 0)])], 0)


class Broker:
    """Answers what it is told to, in turn."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)

    async def send(self, *_: Any, **__: Any) -> Any:
        return self.answers.pop(0)


class Coordinator(GroupCoordinator):  # type: ignore[misc]  # aiokafka is untyped
    """aiokafka's, with a client that speaks to `Broker`; it is not started."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.coordinator_id: int | None = 1
        self.group_id = "pipeline-lander"
        self._retry_backoff_ms = 1

    async def ensure_coordinator_known(self) -> None:
        self.coordinator_id = 1

    def coordinator_dead(self) -> None:
        self.coordinator_id = None


class Client:
    """An `AIOKafkaClient` as far as sending goes."""

    def __init__(self, broker: Broker, *, mended: bool) -> None:
        self._broker = broker
        self._mended = mended

    async def send(self, *arguments: Any, **named: Any) -> Any:
        send = refusing(self._send) if self._mended else self._send
        return await (send(*arguments, **named) if self._mended else send(self, *arguments, **named))

    async def _send(self, *arguments: Any, **named: Any) -> Any:
        return await self._broker.send(*arguments, **named)


@pytest.mark.parametrize(("mended", "offset"), [(True, 306), (False, None)], ids=["ours", "aiokafka's"])
async def test_a_group_whose_coordinator_is_loading_has_not_committed_nothing(
    *, mended: bool, offset: int | None
) -> None:
    """The second case is aiokafka as it comes: when it fails, aiokafka has mended this, and so may we."""
    coordinator = Coordinator(Client(Broker(LOADING, LOADED), mended=mended))
    found = await coordinator.fetch_committed_offsets([HERE])
    assert (found[HERE].offset if HERE in found else None) == offset


def test_clients_are_mended_once() -> None:
    refuse_failed_answers()
    once = AIOKafkaClient.send
    refuse_failed_answers()
    assert AIOKafkaClient.send is once
