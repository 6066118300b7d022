"""The lander when things die: itself, and ClickHouse."""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.clickhouse_client import connect
from pipeline.core.series import Series
from pipeline.embedded.clickhouse import EmbeddedClickHouse
from pipeline.embedded.ports import free_port
from pipeline.lander import batch
from pipeline.lander.migrate import migrate
from pipeline.settings import Settings
from pipeline.topic_admin import ensure_topics
from pipeline.topics import topics_of
from tests.contracts.history_fixture import History
from tests.contracts.kafka_records import operation
from tests.contracts.snapshots import block_of, mark, marks, snapshot
from tests.stack.lander_runs import (
    committed,
    count,
    lander,
    publish,
    publish_panes,
    start_lander,
    until,
    until_async,
)

pytestmark = pytest.mark.stack


async def test_killed_three_times_in_mid_stream_every_row_is_there_once(
    stack_settings: Settings, history: History
) -> None:
    # A worker id makes its membership static: the next one takes over at once, not after the session's time-out.
    settings = stack_settings.model_copy(
        update={
            "clickhouse": history.settings.clickhouse,
            "database": history.settings.database,
            "partitions": 4,
            "batch_rows": 200,
            "batch_ms": 20,
            "worker_id": "one",
        }
    )
    await ensure_topics(settings)
    total, array = 40_000, 20
    arrays = ([operation(first + place) for place in range(array)] for first in range(0, total, array))
    publishing = asyncio.create_task(publish(settings, topics_of(settings).operations, arrays))
    for least in (2_000, 10_000, 20_000):
        child = start_lander(settings)
        try:
            await until(lambda: count(history, "operations"), lambda rows, least=least: rows >= least)
        finally:
            child.kill()
        assert child.wait() == -signal.SIGKILL
    await publishing
    assert count(history, "operations") < total, "the kills came too late to prove anything"
    async with lander(settings) as task:
        await until(lambda: count(history, "operations"), total, task=task)
        await until_committed(settings, total // array)
    assert history.ask("SELECT count(), uniqExact(event_id), max(idx) FROM {db}.operations") == [(total, total, 19)]


async def until_committed(settings: Settings, records: int) -> None:
    async with asyncio.timeout(60):
        while sum(await committed(settings, topics_of(settings).operations)) != records:
            continue  # asking takes long enough


async def test_killed_while_open_snapshots_wait_it_has_committed_nothing_past_them_and_the_next_one_lands_them(
    stack_settings: Settings, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    update = {"clickhouse": history.settings.clickhouse, "database": history.settings.database, "partitions": 1}
    settings = stack_settings.model_copy(update={**update, "batch_ms": 20, "worker_id": "one"})
    await ensure_topics(settings)
    panes, block = topics_of(settings).panes, block_of({Series("prod", "checkout", "pay"): [1_000]})
    sources = [f"events.operations-{number}" for number in range(10)]
    opened = [snapshot(block, source=source, version=7, final=False) for source in sources]
    child = start_lander(settings)
    try:
        await publish_panes(settings, [marks(mark()), *opened, marks(mark(position=2))])
        await until(lambda: history.ask("SELECT position FROM {db}.source_marks"), [(2,)])
        await until_async(lambda: committed(settings, panes), [1])
    finally:
        child.kill()
    assert child.wait() == -signal.SIGKILL
    assert count(history, "slots") == 0, "the kill came too late to prove anything"
    assert await committed(settings, panes) == [1]
    monkeypatch.setattr(batch, "OPEN_MS", 100)
    async with lander(settings) as task:
        await until(lambda: count(history, "slots"), len(opened), task=task)
        await until_async(lambda: committed(settings, panes), [len(opened) + 2])


async def test_while_clickhouse_is_away_nothing_is_committed_and_all_lands_when_it_is_back(
    stack_settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pipeline.lander")
    server = EmbeddedClickHouse(Settings(home=tmp_path, clickhouse_port=free_port()))
    settings = stack_settings.model_copy(update={"partitions": 2, "batch_rows": 500, "batch_ms": 50})
    operations = topics_of(settings).operations
    with server:
        settings = settings.model_copy(update={"clickhouse": server.address})
        with closing(connect(settings)) as client:
            migrate(client, settings)
            await ensure_topics(settings)
            history = History(settings, client)
            await publish(settings, operations, map(operation, range(1_000)))
            async with lander(settings) as task:
                await until(lambda: count(history, "operations"), 1_000, task=task)
                await until_committed(settings, 1_000)
                server.kill()
                await publish(settings, operations, map(operation, range(1_000, 6_000)))
                await until(lambda: "lies in Kafka" in caplog.text, expected=True, task=task)
                assert f"ClickHouse at {server.address}" in caplog.text
                assert sum(await committed(settings, operations)) == 1_000
                await asyncio.to_thread(server.start)
                await until(lambda: count(history, "operations"), 6_000, task=task)
                await until_committed(settings, 6_000)
        assert history.ask("SELECT count(), uniqExact(event_id) FROM {db}.operations") == [(6_000, 6_000)]


async def test_it_waits_for_clickhouse_at_start_says_for_which_and_leaves_when_told(
    stack_settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    settings = stack_settings.model_copy(update={"clickhouse": address})
    async with lander(settings) as task:
        await until(lambda: address in caplog.text, expected=True, task=task)
    assert task.done()
