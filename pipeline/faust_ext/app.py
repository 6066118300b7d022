"""The Faust app of a worker: batch transport, safe producer, and the settings that matter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import faust
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from pipeline.faust_ext.batch import BatchSchema
from pipeline.faust_ext.changelogs import Contents, read_changelogs
from pipeline.faust_ext.consumer import BatchConsumer, Owner
from pipeline.faust_ext.producer import SafeProducer
from pipeline.faust_ext.shard_producers import ShardProducers
from pipeline.faust_ext.table import DurableTable
from pipeline.faust_ext.tables import PipelineTables
from pipeline.membership import instance_id
from pipeline.settings import Settings
from pipeline.topic_admin import why_away
from pipeline.topics import RECORD_BYTES

FETCH_BYTES_IN_ALL = 32 * 1024 * 1024
POLL_RECORDS = 8_000

METADATA_MS = 5_000
"""How old the known number of partitions may be. Panes close 40 s after their start: until then the aggregator must
have found the events of partitions that were added, and the evaluator their sources."""


class BatchTransport(driver.Transport):  # type: ignore[misc]  # faust is untyped
    """aiokafka's transport with our consumer and producer."""

    Consumer = BatchConsumer
    Producer = SafeProducer


class PipelineApp(faust.App):  # type: ignore[misc]  # faust is untyped
    """A Faust app that reads `batch_topics` (with their partitions) in batches, on behalf of `owner`."""

    mundane_level = "debug"  # at which mode tells of starting and stopping

    batch_topics: Mapping[str, int]
    owner: Owner
    bootstrap: str
    producers: ShardProducers
    records_restored = 0  # of changelogs, since the process began

    def _new_transport(self) -> BatchTransport:
        return BatchTransport(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> BatchTransport:
        return BatchTransport(self.conf.broker_producer, self)

    async def why_kafka_is_away(self) -> str | None:
        """Return why Kafka does not answer, None when it does; asked over a connection of its own."""
        return await why_away(self.bootstrap)

    async def read_changelogs(self, tps: Iterable[TP]) -> Contents:
        """Return what tables hold in these partitions of their changelogs; waits for a Kafka that is away."""
        return await read_changelogs(self, tps)

    def batch_topic(self, *names: str) -> Any:
        """Return the Faust topic(s) to subscribe an agent to; their values are `Batch`."""
        return self.topic(*names, schema=BatchSchema(), allow_empty=True, internal=False)

    def durable_table(self, name: str, changelog: str, partitions: int) -> DurableTable:
        """Return a table of bytes by bytes that keeps its changelog in the topic `changelog`."""
        topic = self.topic(
            changelog,
            key_type=bytes,
            value_type=bytes,
            key_serializer="raw",
            value_serializer="raw",
            partitions=partitions,
            allow_empty=True,
        )
        table = DurableTable(
            self,
            name=name,
            key_type=bytes,
            value_type=bytes,
            partitions=partitions,
            changelog_topic=topic,
        )
        self.tables.add(table)
        return table


def make_app(settings: Settings, role: str, *, owner: Owner, batch_topics: Mapping[str, int]) -> PipelineApp:
    """Return the app of one worker. `role` names its consumer group; nothing is started.

    `batch_topics` has the topics that it reads in batches, and how many partitions they have.
    """
    assert settings.kafka, "settings.kafka must be resolved before an app is made"
    sources = max(1, sum(batch_topics.values()))
    app = PipelineApp(
        group_of(settings, role),
        broker=[f"kafka://{address.strip()}" for address in settings.kafka.split(",")],
        store="memory://",
        TableManager=PipelineTables,
        datadir=settings.home / "faust",
        autodiscover=False,
        web_enabled=False,
        web_tables_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        topic_partitions=settings.partitions,
        topic_replication_factor=settings.replication,
        agent_supervisor="mode.CrashingSupervisor",
        cython_optimizations=True,
        broker_check_crcs=False,
        broker_session_timeout=10.0,
        broker_heartbeat_interval=3.0,
        broker_rebalance_timeout=15.0,
        broker_request_timeout=30.0,
        broker_commit_interval=1.0,
        broker_max_poll_records=POLL_RECORDS,
        consumer_group_instance_id=instance_id(settings.worker_id, batch_topics),
        consumer_max_fetch_size=min(4 * 1024 * 1024, max(RECORD_BYTES // 16, FETCH_BYTES_IN_ALL // sources)),
        consumer_auto_offset_reset="earliest",
        consumer_metadata_max_age_ms=METADATA_MS,
        stream_buffer_maxsize=8,
        stream_wait_empty=True,
        table_standby_replicas=0,
        producer_acks=-1,
        producer_linger=0.005,
        producer_max_batch_size=256 * 1024,
        producer_max_request_size=RECORD_BYTES,
        producer_compression_type="lz4",
        producer_request_timeout=30.0,
        producer_metadata_max_age_ms=METADATA_MS,
        stream_recovery_delay=0.0,
    )
    app.batch_topics = batch_topics
    app.owner = owner
    app.bootstrap = settings.kafka
    app.producers = ShardProducers(app)
    return app


def group_of(settings: Settings, role: str) -> str:
    """Return the consumer group of a role: ``pipeline-aggregator``, with the namespace in front."""
    prefix = f"{settings.namespace}." if settings.namespace else ""
    return f"{prefix}pipeline-{role}"
