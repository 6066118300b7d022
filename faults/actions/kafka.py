"""Faults of Kafka: killed, frozen, cut off, out of disk; produces that fail for good; partitions that are added."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, for_code
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from faults.actions.site import Site, done
from faults.facts import Fault
from faults.proxies.tcp import TcpMode
from faults.schedule import Step
from pipeline.faust_ext.clock import wall_ms
from pipeline.settings import Settings
from pipeline.topic_admin import wait_for_kafka
from pipeline.topics import specs, topics_of

_NOTHING_FITS_BYTES = 64
_DIES_WITHIN_SECONDS = 30.0


async def kill_kafka(site: Site, step: Step) -> Fault:
    """Kill -9, and start it again on its data."""
    kafka, began_ms = site.servers.kafka, wall_ms()
    async with kafka.down():
        await kafka.kill()
        await asyncio.sleep(step.seconds / 5)
        started_ms = wall_ms()
        await kafka.start()
    return done(step, began_ms, started_ms=started_ms)


async def kafka_frozen(site: Site, step: Step) -> Fault:
    """SIGSTOP: connections stay, and nobody answers."""
    kafka, began_ms = site.servers.kafka, wall_ms()
    kafka.freeze()
    try:
        await asyncio.sleep(step.seconds)
    finally:
        kafka.thaw()
    return done(step, began_ms)


async def kafka_unreachable(site: Site, step: Step) -> Fault:
    """Workers are cut off from Kafka; the load goes on."""
    mode, began_ms = (TcpMode.REFUSE, TcpMode.SILENCE)[step.number % 2], wall_ms()
    await site.servers.proxies.kafka(mode)
    try:
        await asyncio.sleep(step.seconds)
    finally:
        await site.servers.proxies.kafka(TcpMode.PASS)
    return done(step, began_ms, detail=mode)


async def kafka_disk_full(site: Site, step: Step) -> Fault:
    """Kafka's disk is full: it ends by itself; started again once there is room."""
    kafka, began_ms = site.servers.kafka, wall_ms()
    async with kafka.down():
        kafka.disk.fill(kafka.pid)
        try:
            died = await _until_it_ends(site)
            await asyncio.sleep(2)
        finally:
            kafka.disk.free(kafka.pid if kafka.running else None)
        started_ms = wall_ms()
        if not kafka.running:
            await kafka.kill()  # lets go of its folder
            await kafka.start()
    how = "ended by itself" if died else "lived on"
    return done(step, began_ms, started_ms=started_ms, detail=f"{kafka.disk.name}; Kafka {how}")


async def produce_fails(site: Site, step: Step) -> Fault:
    """A topic of the pipeline takes no record for a while: the broker refuses each as too large."""
    topics = topics_of(site.settings)
    topic, role = ((topics.panes, "aggregator"), (topics.stats, "evaluator"))[step.number % 2]
    await wait_for_kafka(site.settings.kafka or "")
    began_ms = wall_ms()
    await _set_largest(site.settings, topic, str(_NOTHING_FITS_BYTES))
    try:
        await asyncio.sleep(step.seconds)
    finally:
        await _set_largest(site.settings, topic, None)
    return done(step, began_ms, roles=(role,), detail=topic)


async def more_partitions(site: Site, step: Step) -> Fault:
    """The topics of events get another partition each."""
    topics, began_ms = topics_of(site.settings), wall_ms()
    await wait_for_kafka(site.settings.kafka or "")
    async with _admin(site.settings) as admin:
        names = (topics.operations, topics.errors)
        found = {one["topic"]: len(one["partitions"]) for one in await admin.describe_topics(list(names))}
        await admin.create_partitions({name: NewPartitions(found[name] + 1) for name in names})
    return done(step, began_ms, roles=("aggregator",), detail=f"{max(found.values()) + 1} partitions")


async def _until_it_ends(site: Site) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DIES_WITHIN_SECONDS):
            while site.servers.kafka.running:  # noqa: ASYNC110 - another program ends
                await asyncio.sleep(0.1)
            return True
    return False


@retry(retry=retry_if_exception_type(KafkaError), stop=stop_after_delay(30), wait=wait_fixed(0.5), reraise=True)
async def _set_largest(settings: Settings, topic: str, largest_bytes: str | None) -> None:
    """Set the largest record of a topic; None: as the pipeline wants it. Kafka sets back what is left out."""
    config = next(spec.config for spec in specs(settings) if spec.name == topic)
    changed = {**config, **({"max.message.bytes": largest_bytes} if largest_bytes else {})}
    async with _admin(settings) as admin:
        answers = await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, changed)])
        for answer in answers:
            for code, message, *_ in answer.resources:
                if code:
                    raise for_code(code)(message)


@asynccontextmanager
async def _admin(settings: Settings) -> AsyncIterator[Any]:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()
