"""The topics in Kafka: waits for it, makes what is missing, refuses what is set up otherwise, tells what is there."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, LeaderNotAvailableError, TopicAlreadyExistsError, for_code
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_exponential

from pipeline.errors import FatalError
from pipeline.settings import Settings
from pipeline.topics import TopicSpec, specs, topics_of

logger = logging.getLogger(__name__)
_ASK_EVERY_SECONDS = 0.5
_SAY_EVERY_SECONDS = 5.0
_ANSWER_SECONDS = 5.0
_TRY_LIMIT_SECONDS = 30.0
_LOOK_EVERY_SECONDS = 0.05

HIGHLIGHTS = ("cleanup.policy", "message.timestamp.type", "retention.ms", "retention.bytes", "max.message.bytes")
"""The settings of a topic that `describe_topics` tells."""


@dataclass(frozen=True, slots=True)
class TopicState:
    """One topic of the pipeline as it is now. `partitions` is 0 when it is missing; then the rest is empty.

    `records` is the sum of end minus begin offset: markers of transactions, and records that compaction has removed
    between the two, are counted too.
    """

    name: str
    purpose: str
    partitions: int
    records: int
    config: dict[str, str]


async def wait_for_kafka(bootstrap: str, stop: asyncio.Event | None = None, log: logging.Logger = logger) -> bool:
    """Return True once Kafka answers at `bootstrap` (host:port[,host:port]); False when `stop` is set before.

    While it does not, `log` says so with the address and the reason, at once and then each 5 s.
    """
    stop = stop or asyncio.Event()
    loop = asyncio.get_running_loop()
    begun, say_at = loop.time(), loop.time()
    while not stop.is_set():
        reason = await why_away(bootstrap)
        if reason is None:
            return True
        if loop.time() >= say_at:
            say_at = loop.time() + _SAY_EVERY_SECONDS
            log.warning(
                "Kafka does not answer at %s (PIPELINE_KAFKA) for %.0f s: %s. Trying on; Ctrl-C ends it.",
                *(bootstrap, loop.time() - begun, reason),
            )
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _ASK_EVERY_SECONDS)
    return False


async def ensure_topics(settings: Settings) -> dict[str, int]:
    """Make the pipeline's topics that are missing; return the partitions of all when they have leaders.

    Any number of workers may do so at once.

    Raises FatalError, with what to run or to set, when a topic that is there has other partitions, another clean-up or
    other timestamps than the pipeline can live with, or when Kafka refuses to make one.
    """
    wanted = list(specs(settings))
    try:
        there, configs = await _ensure(settings, wanted)
    except KafkaError as error:
        raise FatalError(f"Kafka at {settings.kafka} fails to tell or make the topics, for 30 s: {error!r}.") from error
    for spec in wanted:
        _assert_partitions(spec, there[spec.name], settings)
        _assert_config(spec, configs[spec.name], settings)
    return {spec.name: there[spec.name] for spec in wanted}


async def describe_topics(settings: Settings) -> list[TopicState]:
    """Return the state of every topic of the pipeline, in the order of `specs`, missing ones too."""
    async with _admin(settings) as admin:
        there = await _partitions(admin)
        wanted = list(specs(settings))
        configs = await _configs(admin, there.keys() & {spec.name for spec in wanted})
    kept = await _records(settings, {spec.name: there[spec.name] for spec in wanted if spec.name in there})
    return [
        TopicState(spec.name, spec.purpose, there.get(spec.name, 0), kept.get(spec.name, 0), configs.get(spec.name, {}))
        for spec in wanted
    ]


@retry(
    retry=retry_if_exception_type(KafkaError),  # a broker that is starting, a leader that moves
    stop=stop_after_delay(_TRY_LIMIT_SECONDS),
    wait=wait_exponential(_LOOK_EVERY_SECONDS, max=_ASK_EVERY_SECONDS),
    reraise=True,
)
async def _ensure(settings: Settings, wanted: list[TopicSpec]) -> tuple[dict[str, int], dict[str, dict[str, str]]]:
    async with _admin(settings) as admin:
        there = await _partitions(admin)
        await _create(admin, [spec for spec in wanted if spec.name not in there], settings)
        there = await _partitions(admin)
        if unseen := [spec.name for spec in wanted if spec.name not in there]:
            raise LeaderNotAvailableError(", ".join(unseen))
        return there, await _configs(admin, [spec.name for spec in wanted])


async def why_away(bootstrap: str) -> str | None:
    """Return why no server of `bootstrap` answers within a few seconds; None when one does."""
    reasons = [await _refusal(address.strip()) for address in bootstrap.split(",")]
    if None not in reasons:
        return "; ".join(dict.fromkeys(reason for reason in reasons if reason))
    # A port that is open may still belong to something else, or to a Kafka that is not ready.
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=int(_ANSWER_SECONDS * 1000))
    try:
        await admin.start()
        cluster = await admin.describe_cluster()
    except (KafkaError, OSError, TimeoutError) as error:
        return f"what listens there gives no answer that Kafka would give ({type(error).__name__})"
    finally:
        await admin.close()
    return None if cluster["brokers"] else "it has no brokers yet"


async def _refusal(address: str) -> str | None:
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except TimeoutError:
        return "no connection within 5 s"
    except OSError as error:
        return error.strerror or str(error)
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return None


@asynccontextmanager
async def _admin(settings: Settings) -> AsyncIterator[Any]:
    if settings.kafka is None:
        raise FatalError("No Kafka is named: set PIPELINE_KAFKA=HOST:PORT, or use `pipeline up`, which starts one.")
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


async def _partitions(admin: Any) -> dict[str, int]:
    """Return topic → partitions, of those topics whose partitions all have a leader."""
    return {
        topic["topic"]: len(topic["partitions"])
        for topic in await admin.describe_topics()
        if topic["partitions"] and all(part["leader"] >= 0 for part in topic["partitions"])
    }


async def _create(admin: Any, missing: Iterable[TopicSpec], settings: Settings) -> None:
    topics = [NewTopic(spec.name, spec.partitions, settings.replication, topic_configs=spec.config) for spec in missing]
    if not topics:
        return
    logger.info("making topics %s", ", ".join(topic.name for topic in topics))
    answer = await admin.create_topics(topics)
    for name, code, message in answer.topic_errors:
        if code not in (0, TopicAlreadyExistsError.errno):
            if (error := for_code(code)).retriable:
                raise error(message)
            raise FatalError(_refused(name, message or error.__name__, settings))


def _refused(name: str, reason: str, settings: Settings) -> str:
    return (
        f"Kafka at {settings.kafka} refuses to make topic {name} with {settings.replication} replicas: {reason} "
        "Set PIPELINE_REPLICATION to what it can, or give this user the right to make topics, or make it by hand."
    )


async def _configs(admin: Any, names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return topic → its settings among HIGHLIGHTS."""
    asked = [ConfigResource(ConfigResourceType.TOPIC, name, dict.fromkeys(HIGHLIGHTS)) for name in names]
    answers = await admin.describe_configs(asked) if asked else []
    resources = [resource for answer in answers for resource in answer.to_object()["resources"]]
    for resource in resources:
        if resource["error_code"]:
            raise for_code(resource["error_code"])(resource["resource_name"])
    return {
        resource["resource_name"]: {
            entry["config_names"]: entry["config_value"] for entry in resource["config_entries"]
        }
        for resource in resources
    }


async def _records(settings: Settings, partitions: dict[str, int]) -> dict[str, int]:
    """Return topic → end minus begin offsets over its partitions."""
    if not partitions:
        return {}  # a consumer that is stopped right after its start raises CancelledError
    async with AIOKafkaConsumer(bootstrap_servers=settings.kafka) as consumer:

        async def kept(topic: str, count: int) -> int:
            places = [TopicPartition(topic, number) for number in range(count)]
            begin, end = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
            return sum(end[place] - begin[place] for place in places)

        # At the same time: the client waits 100 ms for each topic that is new to it.
        counts = await asyncio.gather(*(kept(topic, count) for topic, count in partitions.items()))
    return dict(zip(partitions, counts, strict=True))


def _assert_partitions(spec: TopicSpec, found: int, settings: Settings) -> None:
    topics = topics_of(settings)
    if spec.name in (*topics.events(), topics.dead, topics.late, topics.control) or found == spec.partitions:
        return
    raise FatalError(
        f"{spec.name} has {found} partitions, the pipeline was set up for {spec.partitions}: a series would change its "
        f"place and its history. Set PIPELINE_PARTITIONS={found} in every worker, or begin anew beside it with another "
        "PIPELINE_NAMESPACE."
    )


def _assert_config(spec: TopicSpec, found: dict[str, str], settings: Settings) -> None:
    """Compare what results depend on; retention and sizes are the user's to change."""
    for name, default in (("message.timestamp.type", "CreateTime"), ("cleanup.policy", "delete")):
        wanted = spec.config.get(name, default)
        if found.get(name, wanted) == wanted or (name == "message.timestamp.type" and name not in spec.config):
            continue
        raise FatalError(
            f"{spec.name} has {name}={found[name]}, the pipeline needs {wanted}. Run: kafka-configs.sh "
            f"--bootstrap-server {settings.kafka} --alter --entity-type topics --entity-name {spec.name} "
            f"--add-config {name}={wanted}"
        )
