"""The lander's Kafka clients: a consumer of everything that lands, and a producer of dead letters."""

from __future__ import annotations

from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor

from pipeline.kafka_answers import refuse_failed_answers
from pipeline.membership import instance_id, watch_partitions
from pipeline.settings import Settings
from pipeline.topics import RECORD_BYTES, topics_of

FETCH_BYTES_IN_ALL = 32 * 1024 * 1024
"""Fetched and not yet taken, over all partitions, as packed as producers packed it."""
_FETCH_BYTES_LEAST = 16 * 1024
METADATA_SECONDS = 10
"""Partitions that are added while landers run are read from their beginning after so long, and a rebalance."""


def landed_topics(settings: Settings) -> tuple[str, ...]:
    """Return the topics that the lander reads."""
    topics = topics_of(settings)
    told = (topics.stats, topics.long_stats, topics.alerts, topics.decisions, topics.dead, topics.late)
    return (*topics.events(), topics.panes, *told)


def group_of(settings: Settings) -> str:
    """Return the lander's consumer group, with the namespace in front."""
    return f"{settings.namespace}.pipeline-lander" if settings.namespace else "pipeline-lander"


def make_consumer(settings: Settings, partitions: Mapping[str, int]) -> AIOKafkaConsumer:
    """Return a consumer that is not started, of topics with so many partitions. It commits nothing by itself."""
    refuse_failed_answers()
    landed = {topic: partitions[topic] for topic in landed_topics(settings)}
    fetch_bytes = FETCH_BYTES_IN_ALL // sum(landed.values())
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka,
        group_id=group_of(settings),
        group_instance_id=instance_id(settings.worker_id, landed),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        # At least one record comes whatever its size, so this bounds memory and not what can be read.
        max_partition_fetch_bytes=min(4 * 1024 * 1024, max(_FETCH_BYTES_LEAST, fetch_bytes)),
        fetch_max_bytes=FETCH_BYTES_IN_ALL // 2,
        fetch_max_wait_ms=100,
        session_timeout_ms=10_000,
        heartbeat_interval_ms=3_000,
        rebalance_timeout_ms=15_000,
        metadata_max_age_ms=METADATA_SECONDS * 1_000,
        partition_assignment_strategy=(StickyPartitionAssignor,),
        check_crcs=False,
    )
    watch_partitions(consumer, landed)
    return consumer


def make_producer(settings: Settings) -> AIOKafkaProducer:
    """Return an idempotent producer that is not started."""
    return AIOKafkaProducer(
        bootstrap_servers=settings.kafka,
        acks="all",
        enable_idempotence=True,
        max_request_size=RECORD_BYTES,
        compression_type="lz4",
    )
