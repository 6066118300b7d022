"""ClickHouse killed, silent, or with a full disk; and a lander that is told to stop meanwhile."""

from __future__ import annotations

import asyncio
import logging
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.clickhouse_client import connect
from pipeline.embedded.clickhouse import EmbeddedClickHouse
from pipeline.embedded.ports import free_port
from pipeline.lander import migrate as migrate_module
from pipeline.lander.migrate import migrate
from pipeline.lander.migration_files import read_migrations
from pipeline.settings import Settings
from pipeline.topic_admin import ensure_topics
from pipeline.topics import topics_of
from tests.contracts.history_fixture import History
from tests.contracts.kafka_records import operation
from tests.faults.clickhouse_proxy import ClickHouseProxy, Mode
from tests.faults.process import WorkerProcess
from tests.stack.lander_runs import committed, count, lander, publish, until

pytestmark = pytest.mark.stack

MIGRATOR = """
import sys
from pipeline.clickhouse_client import connect
from pipeline.lander.migrate import migrate
from pipeline.settings import Settings
settings = Settings.model_validate_json(sys.argv[1])
migrate(connect(settings), settings)
"""


@pytest.mark.slow
async def test_a_server_that_is_killed_again_and_again_has_every_row_once(
    stack_settings: Settings, tmp_path: Path
) -> None:
    server = EmbeddedClickHouse(Settings(home=tmp_path, clickhouse_port=free_port()))
    with server:
        settings = stack_settings.model_copy(
            update={"clickhouse": server.address, "partitions": 4, "batch_rows": 500, "batch_ms": 50}
        )
        with closing(connect(settings)) as client:
            migrate(client, settings)
            await ensure_topics(settings)
            history, done = History(settings, client), asyncio.Event()
            publishing = asyncio.create_task(publish_until(done, settings))
            async with lander(settings) as task:
                for _ in range(4):
                    before = await asyncio.to_thread(count, history, "operations")
                    await until(
                        lambda: count(history, "operations"), lambda rows, least=before: rows > least, task=task
                    )
                    server.kill()
                    await asyncio.sleep(random.uniform(0.0, 1.0))
                    await asyncio.to_thread(server.start)
                done.set()
                total = await publishing
                await until(lambda: count(history, "operations"), total, task=task)
            assert history.ask("SELECT count(), uniqExact(event_id) FROM {db}.operations") == [(total, total)]


async def publish_until(done: asyncio.Event, settings: Settings) -> int:
    """Publish events, some 2,000/s, and return how many."""
    total = 0
    while not done.is_set():
        total += await publish(settings, topics_of(settings).operations, map(operation, range(total, total + 400)))
        await asyncio.sleep(0.1)
    return total


@pytest.mark.parametrize("inserts_only", [True, False], ids=["inserts hang", "everything hangs"])
async def test_a_lander_whose_clickhouse_never_answers_is_down_in_time_when_told(
    stack_settings: Settings, history: History, *, inserts_only: bool
) -> None:
    with ClickHouseProxy(history.settings.clickhouse or "") as proxy:
        settings = stack_settings.model_copy(
            update={"clickhouse": proxy.address, "database": history.settings.database, "partitions": 2}
        )
        await ensure_topics(settings)
        await publish(settings, topics_of(settings).operations, map(operation, range(100)))
        proxy.set(Mode.HANG, inserts_only=inserts_only)
        with WorkerProcess("lander", settings) as worker:
            await until(lambda: proxy.suffered[Mode.HANG], lambda hanging: hanging >= 1)
            took_s = await asyncio.to_thread(stopped_in, worker)
            log = worker.log.read_text()
    assert took_s < settings.stop_seconds, log
    assert "is ended" not in log, "it had to be ended"
    assert worker._process is not None
    assert worker._process.poll() == 0
    assert sum(await committed(settings, topics_of(settings).operations)) == 0


def stopped_in(worker: WorkerProcess) -> float:
    began_s = time.monotonic()
    worker.stop()
    return time.monotonic() - began_s


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder whose `clickhouse` is a disk of 64 MB."""
    folder = tmp_path / "clickhouse"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("making a small disk needs root")
    yield tmp_path
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(file: Path) -> None:
    with suppress(OSError), file.open("wb", buffering=0) as out:
        while out.write(bytes(4096)):
            pass


async def test_a_full_disk_is_named_and_once_there_is_room_everything_lands(
    stack_settings: Settings, small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pipeline.lander")
    with EmbeddedClickHouse(Settings(home=small_disk, clickhouse_port=0)) as server:
        settings = stack_settings.model_copy(update={"clickhouse": server.address, "partitions": 2, "batch_ms": 50})
        operations = topics_of(settings).operations
        await ensure_topics(settings)
        with closing(connect(settings)) as client:
            history = History(settings, client)
            async with lander(settings) as task:
                await until(lambda: "landing from" in caplog.text, expected=True, task=task)
                filler = small_disk / "clickhouse" / "filler"
                await asyncio.to_thread(fill, filler)
                await publish(settings, operations, map(operation, range(1_000)))
                full = f"the disk is full: make room under {small_disk}/clickhouse"
                await until(lambda: full in caplog.text, expected=True, task=task)
                assert f"ClickHouse at {server.address}" in caplog.text
                assert sum(await committed(settings, operations)) == 0
                filler.unlink()
                await until(lambda: count(history, "operations"), 1_000, task=task)
            assert count(history, "dead_letters") == 0


async def test_a_migrator_that_is_killed_again_and_again_leaves_nothing_that_the_next_cannot_finish(
    empty_history: History, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate_module, "LOCK_SECONDS", 0)
    with ClickHouseProxy(empty_history.settings.clickhouse or "", slow_seconds=0.05) as proxy:
        proxy.set(Mode.SLOW, inserts_only=False)  # some 20 statements a second, so that it is killed in the middle
        settings = empty_history.settings.model_copy(update={"clickhouse": proxy.address})
        for _ in range(3):
            child = subprocess.Popen(  # noqa: ASYNC220 - it starts in a moment
                [sys.executable, "-c", MIGRATOR, settings.model_dump_json()]
            )
            least = proxy.suffered[Mode.SLOW] + random.randrange(8, 24)
            await until(lambda: proxy.suffered[Mode.SLOW], lambda asked, least=least: asked >= least)
            child.kill()
            assert child.wait() == -signal.SIGKILL
            with suppress(ClickHouseError):
                empty_history.client.command(f"DROP TABLE {settings.database}.migration_lock SYNC")
    done = empty_history.one("SELECT count() FROM {db}.schema_migrations FINAL")
    assert 0 < done < len(read_migrations()), "it was killed too early or too late to prove anything"
    migrate(empty_history.client, empty_history.settings)
    assert schema(empty_history) == schema(history)


def schema(history: History) -> list[tuple[str, str]]:
    """Every table, view and column of a history."""
    return history.ask(
        "SELECT table, name, type, default_expression FROM system.columns WHERE database = '{db}' ORDER BY table, position"
    )
