"""What `pipeline doctor` finds at the servers: whether they answer, the topics, the tables, and how far workers are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.cli.checkup import Checkup, note, ok, wrong
from pipeline.cli.figures import count
from pipeline.cli.history import said
from pipeline.clickhouse_client import connect, parse_address
from pipeline.errors import FatalError
from pipeline.lander.migration_files import read_migrations
from pipeline.progress import Progress, lag_by_group, progress_of
from pipeline.settings import Settings
from pipeline.topic_admin import TopicState, describe_topics
from pipeline.topics import TopicSpec, specs

_MUCH_LAG_RECORDS = 100_000
_MUST_AGREE = ("cleanup.policy", "message.timestamp.type", "max.message.bytes")
_START = "start it with `pipeline up`, or set {} to the address of one that runs"


async def server_checkups(settings: Settings) -> list[Checkup]:
    """Return what was found at Kafka and ClickHouse; a server that no setting names is wrong too."""
    kafka = [one async for one in _kafka(settings)]
    return [*kafka, *await asyncio.to_thread(lambda: list(_clickhouse(settings)))]


async def _kafka(settings: Settings) -> AsyncIterator[Checkup]:
    if not settings.kafka:
        yield wrong("kafka", "no address is known", _START.format("PIPELINE_KAFKA"))
        return
    try:
        async with progress_of(settings) as progress:
            yield ok("kafka", f"{settings.kafka} answers, {await progress.brokers()} broker(s)")
            yield await _topics(settings)
            yield await _lag(progress)
    except FatalError:
        advice = "is it running? The embedded one writes logs/kafka.log in PIPELINE_HOME"
        yield wrong("kafka", f"does not answer at {settings.kafka}", f"{advice}; is PIPELINE_KAFKA right?")


async def _topics(settings: Settings) -> Checkup:
    found = {one.name: one for one in await describe_topics(settings)}
    missing = [name for name, one in found.items() if not one.partitions]
    if missing:
        return wrong("topics", f"missing: {', '.join(missing)}", "every worker makes what is missing when it starts")
    problems = [problem for spec in specs(settings) for problem in _topic_problems(spec, found[spec.name])]
    if problems:
        return wrong("topics", "; ".join(problems), "`kafka-configs` alters a topic's configuration")
    return ok("topics", f"all {len(found)} are as they must be")


def _topic_problems(spec: TopicSpec, state: TopicState) -> Iterator[str]:
    if state.partitions < spec.partitions:
        yield f"{spec.name} has {state.partitions} partitions, not {spec.partitions} (PIPELINE_PARTITIONS)"
    for name in _MUST_AGREE:
        wanted, there = spec.config.get(name), state.config.get(name)
        if wanted is not None and there is not None and wanted != there:
            yield f"{spec.name} has {name}={there}, not {wanted}"


async def _lag(progress: Progress) -> Checkup:
    lags = lag_by_group(await progress.look())
    if not lags:
        return note("lag", "no worker has committed anything yet", "start them with `pipeline up`")
    found = ", ".join(f"{group} {count(lag)} records" for group, lag in lags.items())
    if max(lags.values()) > _MUCH_LAG_RECORDS:
        return note("lag", found, "a worker is behind: does it run, and does this figure fall?")
    return ok("lag", found)


def _clickhouse(settings: Settings) -> Iterator[Checkup]:
    if not settings.clickhouse:
        yield wrong("clickhouse", "no address is known", _START.format("PIPELINE_CLICKHOUSE"))
        return
    where = parse_address(settings.clickhouse)
    try:
        client = connect(settings)
        version = client.query("SELECT version()").result_rows[0][0]
        yield ok("clickhouse", f"{where} answers, version {version}")
        yield _tables(settings, client.query(_APPLIED, {"database": settings.database}).result_rows[0][0])
    except ClickHouseError as error:
        found = said(error) or f"does not answer at {where}"
        yield wrong("clickhouse", found, "is it running, and is PIPELINE_CLICKHOUSE right?")
    except FatalError as error:
        yield wrong("clickhouse", str(error), "set PIPELINE_CLICKHOUSE to http://[user:password@]host:port")


def _tables(settings: Settings, tables: int) -> Checkup:
    if not tables:
        return note("tables", f"database {settings.database} has none yet", "the lander makes them when it starts")
    return ok("tables", f"database {settings.database} has {tables}; {len(read_migrations())} migrations known")


_APPLIED = "SELECT count() FROM system.tables WHERE database = {database:String}"
