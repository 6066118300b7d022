"""Topics are made once, seen by all, and refused when they are set up otherwise."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from pipeline.embedded.ports import LOOPBACK, free_port
from pipeline.errors import FatalError
from pipeline.settings import Settings
from pipeline.topic_admin import describe_topics, ensure_topics, wait_for_kafka
from pipeline.topics import specs, topics_of

pytestmark = pytest.mark.stack


class FirstWarning(logging.Handler):
    """Sets an event when something is logged, and keeps it."""

    def __init__(self, seen: asyncio.Event) -> None:
        super().__init__()
        self.text, self._seen = "", seen
        self.log = logging.getLogger(f"waiting.{id(self)}")
        self.log.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.text += record.getMessage()
        self._seen.set()


@pytest.fixture
async def admin(kafka: str) -> AsyncIterator[Any]:
    client = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await client.start()
    yield client
    await client.close()


async def test_all_topics_are_made_as_specified(stack_settings: Settings) -> None:
    await ensure_topics(stack_settings)
    states = {state.name: state for state in await describe_topics(stack_settings)}
    for spec in specs(stack_settings):
        state = states[spec.name]
        assert state.partitions == spec.partitions
        assert state.purpose == spec.purpose
        assert state.records == 0
        assert {name: spec.config[name] for name in state.config if name in spec.config}.items() <= state.config.items()


async def test_several_workers_can_make_them_at_once_and_again(stack_settings: Settings) -> None:
    await asyncio.gather(*(ensure_topics(stack_settings) for _ in range(4)))
    await ensure_topics(stack_settings)


async def test_records_are_counted_over_all_partitions(stack_settings: Settings, kafka: str) -> None:
    await ensure_topics(stack_settings)
    topic = topics_of(stack_settings).operations
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        for partition in (0, 3, 3):
            await producer.send_and_wait(topic, b"{}", partition=partition)
    records = {state.name: state.records for state in await describe_topics(stack_settings)}
    assert records[topic] == 3
    assert sum(records.values()) == 3


async def test_topics_that_are_missing_are_told_as_missing(stack_settings: Settings) -> None:
    assert {(state.partitions, state.records) for state in await describe_topics(stack_settings)} == {(0, 0)}


async def test_more_partitions_of_events_are_fine(stack_settings: Settings, admin: Any) -> None:
    topic = topics_of(stack_settings).operations
    await admin.create_topics([NewTopic(topic, 11, 1, topic_configs={"message.timestamp.type": "LogAppendTime"})])
    await ensure_topics(stack_settings)
    assert next(state.partitions for state in await describe_topics(stack_settings) if state.name == topic) == 11


async def test_events_with_timestamps_of_producers_are_refused_with_the_command_to_run(
    stack_settings: Settings, admin: Any
) -> None:
    topic = topics_of(stack_settings).errors
    await admin.create_topics([NewTopic(topic, 8, 1)])
    with pytest.raises(FatalError) as refused:
        await ensure_topics(stack_settings)
    assert f"{topic} has message.timestamp.type=CreateTime, the pipeline needs LogAppendTime" in str(refused.value)
    assert f"--entity-name {topic} --add-config message.timestamp.type=LogAppendTime" in str(refused.value)


async def test_other_partitions_of_panes_are_refused_with_both_ways_out(stack_settings: Settings) -> None:
    await ensure_topics(stack_settings.model_copy(update={"partitions": 4}))
    with pytest.raises(FatalError, match=r"panes has 4 partitions, the pipeline was set up for 8") as refused:
        await ensure_topics(stack_settings)
    assert "PIPELINE_PARTITIONS=4" in str(refused.value)
    assert "PIPELINE_NAMESPACE" in str(refused.value)


@pytest.mark.parametrize(
    ("topic", "found", "needed"), [("panes", "compact", "delete"), ("alerts_state", "delete", "compact")]
)
async def test_the_wrong_clean_up_is_refused(
    stack_settings: Settings, admin: Any, topic: str, found: str, needed: str
) -> None:
    name = getattr(topics_of(stack_settings), topic)
    await admin.create_topics([NewTopic(name, 8, 1, topic_configs={"cleanup.policy": found})])
    with pytest.raises(FatalError, match=f"{name} has cleanup.policy={found}, the pipeline needs {needed}"):
        await ensure_topics(stack_settings)


async def test_more_replicas_than_brokers_are_refused_naming_the_setting(stack_settings: Settings) -> None:
    with pytest.raises(FatalError, match=r"with 3 replicas: .* PIPELINE_REPLICATION"):
        await ensure_topics(stack_settings.model_copy(update={"replication": 3}))


async def test_without_an_address_it_says_which_setting_is_missing() -> None:
    with pytest.raises(FatalError, match="PIPELINE_KAFKA=HOST:PORT"):
        await ensure_topics(Settings(kafka=None))


async def test_waiting_returns_at_once_when_kafka_answers(kafka: str) -> None:
    assert await wait_for_kafka(kafka)
    assert await wait_for_kafka(f"{LOOPBACK}:{free_port()},{kafka}")


async def test_waiting_names_the_address_and_ends_when_told() -> None:
    address, stop = f"{LOOPBACK}:{free_port()}", asyncio.Event()
    said = FirstWarning(stop)
    assert await wait_for_kafka(address, stop, said.log) is False
    assert f"Kafka does not answer at {address} (PIPELINE_KAFKA) for 0 s: Connect call failed" in said.text


async def test_waiting_is_not_fooled_by_something_else_on_the_port() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    other = await asyncio.start_server(hang_up, LOOPBACK, 0)
    stop = asyncio.Event()
    said = FirstWarning(stop)
    async with other:
        port = other.sockets[0].getsockname()[1]
        assert await wait_for_kafka(f"{LOOPBACK}:{port}", stop, said.log) is False
    assert "what listens there gives no answer that Kafka would give" in said.text
