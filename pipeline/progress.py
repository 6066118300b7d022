"""How far the workers have come: each consumer group's positions against the ends of its topics, and their counters."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from pipeline.core.commit_state import CommitState
from pipeline.errors import FatalError
from pipeline.evaluator.commit import EvaluatorCommit
from pipeline.kafka_answers import refuse_failed_answers
from pipeline.settings import Settings
from pipeline.topics import topics_of

REQUEST_MS = 30_000
"""So long a broker under load may take over an answer; one that is not there at all is known at once."""

_TRY_SECONDS = 20
_metadata = msgspec.json.Decoder(CommitState | EvaluatorCommit)


class Reached(msgspec.Struct, frozen=True):
    """How far one group has come on one partition.

    `position` is the next offset to be read. The committed offset of aggregators and evaluators is held back on
    purpose, to where their open panes begin; the true position stands in the commit's metadata. `state` is an
    aggregator's metadata, `engine` what an evaluator's window engine said of itself, `long_engine` the long windows'.
    """

    group: str
    topic: str
    partition: int
    committed: int
    position: int
    end: int
    state: CommitState | None = None
    engine: str = ""
    long_engine: str = ""

    @property
    def lag(self) -> int:
        """Records that are there and not read yet."""
        return max(self.end - self.position, 0)


class Counted(msgspec.Struct, frozen=True):
    """What the aggregators have counted since the first offset, over all source partitions."""

    operations: int = 0
    errors: int = 0
    late: int = 0
    dead: int = 0

    @property
    def events(self) -> int:
        """Everything that was accounted for."""
        return self.operations + self.errors + self.late + self.dead


class Progress:
    """Looks at the groups of one pipeline; keeps its connections between looks."""

    def __init__(self, settings: Settings, admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer) -> None:
        prefix = f"{settings.namespace}." if settings.namespace else ""
        self.aggregators = f"{prefix}pipeline-aggregator"
        self._prefix = f"{prefix}pipeline-"
        self._topics = topics_of(settings)
        self._admin = admin
        self._consumer = consumer

    @retry(
        retry=retry_if_exception_type(KafkaError),  # a coordinator that is starting or moves
        stop=stop_after_delay(_TRY_SECONDS),
        wait=wait_fixed(0.5),
        reraise=True,
    )
    async def look(self) -> list[Reached]:
        """Return where every group of this pipeline stands on every partition that it has committed."""
        groups = sorted(name for name, *_ in await self._admin.list_consumer_groups() if name.startswith(self._prefix))
        found = {group: await self._admin.list_consumer_group_offsets(group) for group in groups}
        partitions = {tp for offsets in found.values() for tp in offsets}
        ends = await self._ends(partitions)
        return [
            _reached(group, tp, at.offset, at.metadata, ends.get(tp, at.offset))
            for group, offsets in found.items()
            for tp, at in sorted(offsets.items())
            if at.offset >= 0
        ]

    async def brokers(self) -> int:
        """Return how many brokers the cluster has."""
        return len((await self._admin.describe_cluster())["brokers"])

    async def ends(self, topics: Iterable[str] | None = None) -> dict[tuple[str, int], int]:
        """Return the end of every partition of some topics, those of ``events.*`` if none are named."""
        partitions = set()
        for topic in topics or self._topics.events():
            found = await self._admin.describe_topics([topic])
            partitions |= {TopicPartition(topic, one["partition"]) for one in found[0]["partitions"]}
        return {(tp.topic, tp.partition): end for tp, end in (await self._ends(partitions)).items()}

    async def _ends(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        wanted = list(partitions)
        return await self._consumer.end_offsets(wanted) if wanted else {}


@asynccontextmanager
async def progress_of(settings: Settings) -> AsyncIterator[Progress]:
    """Give a `Progress`; raises FatalError where Kafka cannot be reached."""
    refuse_failed_answers()
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka, request_timeout_ms=REQUEST_MS)
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka, group_id=None, request_timeout_ms=REQUEST_MS)
    try:
        try:
            await admin.start()
            await consumer.start()
        except KafkaConnectionError:
            raise unreachable(settings) from None
        yield Progress(settings, admin, consumer)
    finally:
        await consumer.stop()
        await admin.close()


def counted(reached: Iterable[Reached]) -> Counted:
    """Return the aggregators' counters, summed over source partitions."""
    states = [one.state for one in reached if one.state is not None]
    return Counted(
        operations=sum(state.operations for state in states),
        errors=sum(state.errors for state in states),
        late=sum(state.late for state in states),
        dead=sum(state.dead for state in states),
    )


def lag_by_group(reached: Iterable[Reached]) -> dict[str, int]:
    """Return by group how many records it has not read yet."""
    lags: dict[str, int] = {}
    for one in reached:
        lags[one.group] = lags.get(one.group, 0) + one.lag
    return lags


def unreachable(settings: Settings) -> FatalError:
    """Return the error for a Kafka that does not answer."""
    return FatalError(
        f"Kafka does not answer at {settings.kafka}. Is it running, and is PIPELINE_KAFKA right? "
        "`pipeline doctor` looks further."
    )


def _reached(group: str, tp: TopicPartition, committed: int, metadata: str, end: int) -> Reached:
    told = _told(metadata)
    position = max(committed, told.position) if told else committed
    state = told if isinstance(told, CommitState) else None
    engine, long = (told.engine, told.long) if isinstance(told, EvaluatorCommit) else ("", "")
    return Reached(group, tp.topic, tp.partition, committed, position, end, state, engine, long)


def _told(metadata: str) -> CommitState | EvaluatorCommit | None:
    """Return what a commit tells beside its offset; None for a commit with nothing, as the lander's."""
    try:
        return _metadata.decode(metadata) if metadata else None
    except msgspec.DecodeError:
        return None
