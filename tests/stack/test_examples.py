"""The examples against a real Kafka. They know no namespace, so the topics here are those of the contract."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from schemas.generate import MODELS
from tests.examples.test_alert_consumer import ALERT

pytestmark = pytest.mark.stack

EXAMPLES = Path(__file__).parents[2] / "examples"
TOPICS = ("events.operations", "events.errors", "alerts")
KCAT = EXAMPLES / "publish_with_kcat.sh"
needs_kcat = pytest.mark.skipif(shutil.which("kcat") is None, reason="kcat isn't installed here (apt install kcat)")


def run(kafka: str, *command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PIPELINE_KAFKA": kafka} | variables
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
async def broker(kafka: str) -> str:
    """The address of a Kafka with the topics that the examples use."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        there = set(await admin.list_topics())
        await admin.create_topics([NewTopic(name, 1, 1) for name in TOPICS if name not in there])
    finally:
        await admin.close()
    return kafka


async def events(kafka: str, service: str) -> list[dict[str, object]]:
    """Return all events of a service that Kafka has, each checked against its contract."""
    partitions = [TopicPartition(topic, 0) for topic in TOPICS[:2]]
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        found = []
        for partition in partitions:
            while await consumer.position(partition) < ends[partition]:
                found += [record.value for record in (await consumer.getmany(partition, timeout_ms=1_000))[partition]]
    finally:
        await consumer.stop()
    read = [json.loads(value) for value in found]
    mine = [event for event in read if event["service"] == service]
    for event in mine:
        MODELS[event["type"]].model_validate_json(json.dumps(event))
    return mine


async def test_the_python_producer_publishes_its_calls_and_their_errors(broker: str) -> None:
    done = run(broker, sys.executable, EXAMPLES / "producer.py")
    assert (done.returncode, done.stderr) == (0, "")
    published = await events(broker, "shop")
    kinds = Counter(str(event["type"]) for event in published)
    assert kinds["operation"] == 50
    assert kinds["error"] == sum(event["type"] == "operation" and not event["success"] for event in published)
    assert len({event["event_id"] for event in published}) == len(published)


@pytest.mark.parametrize("example", ["producer.py", "alert_consumer.py"])
def test_a_kafka_that_does_not_answer_is_one_sentence(example: str) -> None:
    done = run("127.0.0.1:1", sys.executable, EXAMPLES / example)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "No Kafka answers at 127.0.0.1:1. PIPELINE_KAFKA names another one."


@needs_kcat
async def test_a_shell_with_kcat_publishes_how_a_command_went(broker: str) -> None:
    done = run(broker, KCAT, "sh", "-c", "sleep 0.05", SERVICE="nightly", OPERATION="backup")
    assert (done.returncode, done.stderr) == (0, "")
    (event,) = await events(broker, "nightly")
    assert (event["type"], event["operation"], event["success"]) == ("operation", "backup", True)
    assert 50 <= float(str(event["duration_ms"])) < 60_000


@needs_kcat
async def test_a_shell_with_kcat_publishes_a_failure_with_its_command_however_it_is_quoted(broker: str) -> None:
    done = run(broker, KCAT, "sh", "-c", 'exit 3 # "q" \\ \t é', SERVICE="failing")
    assert done.returncode == 3
    by_type = {str(event["type"]): event for event in await events(broker, "failing")}
    assert by_type["operation"]["success"] is False
    assert by_type["error"]["error_type"] == "exit code 3"
    assert by_type["error"]["message"] == 'sh -c exit 3 # "q" \\  é'


async def test_the_alert_consumer_prints_each_transition_once(broker: str) -> None:
    firing, resolved = ALERT, ALERT | {"sequence": 3, "state": "resolved", "summary": "over"}
    producer = AIOKafkaProducer(bootstrap_servers=broker)
    await producer.start()
    try:
        for alert in (ALERT | {"sequence": 1, "state": "pending"}, firing, firing, resolved, firing, resolved):
            await producer.send_and_wait("alerts", json.dumps(alert).encode())
        await producer.send_and_wait("alerts", json.dumps(ALERT | {"alert_id": "last"}).encode())
    finally:
        await producer.stop()
    assert [line.split()[2] for line in await _printed(broker, 3)] == ["FIRING", "RESOLVED", "FIRING"]


async def _printed(kafka: str, lines: int) -> list[str]:
    """Run the alert consumer until it has printed so many lines, then end it as Ctrl-C does."""
    consumer = await asyncio.create_subprocess_exec(
        sys.executable,
        EXAMPLES / "alert_consumer.py",
        env=os.environ | {"PIPELINE_KAFKA": kafka},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert consumer.stdout is not None
    try:
        async with asyncio.timeout(60):
            printed = [(await consumer.stdout.readline()).decode() for _ in range(lines)]
        consumer.send_signal(signal.SIGINT)
        _, told = await consumer.communicate()
    finally:
        if consumer.returncode is None:
            consumer.kill()
    assert consumer.returncode == 0
    assert b"Traceback" not in told
    return printed
