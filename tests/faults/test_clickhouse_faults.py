"""Whatever happens to an insert on its way, to the server or on its disk: its rows are there, each once."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.errors import FatalError
from pipeline.lander import inserter as inserter_module
from pipeline.lander.contents import read_contents
from pipeline.lander.inserter import Inserter
from pipeline.lander.rows import Refusal, Rows
from pipeline.lander.service import run_lander
from pipeline.settings import Settings
from pipeline.topic_admin import ensure_topics
from pipeline.topics import topics_of
from tests.contracts.history_fixture import History
from tests.contracts.kafka_records import operation, records
from tests.faults.clickhouse_proxy import ClickHouseProxy, Mode
from tests.stack.lander_runs import committed, count, lander, publish, until

pytestmark = pytest.mark.stack

TOTAL = 2_000
ARRAY = 10
BAD = [mode for mode in Mode if mode is not Mode.PASS]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inserter_module, "ANSWER_SECONDS", 1.0)
    monkeypatch.setattr(inserter_module, "WAIT_SECONDS_MAX", 0.5)


@pytest.fixture
def proxy(history: History) -> Iterator[ClickHouseProxy]:
    with ClickHouseProxy(history.settings.clickhouse or "", slow_seconds=1.5) as passing:
        yield passing


@asynccontextmanager
async def landing(history: History, proxy: ClickHouseProxy) -> AsyncIterator[asyncio.Task[list[Refusal]]]:
    """Land `TOTAL` rows through the proxy."""
    inserter = inserter_through(proxy, history)
    task = asyncio.create_task(inserter.land(rows()))
    try:
        yield task
    finally:
        task.cancel()
        inserter.close()


def inserter_through(proxy: ClickHouseProxy, history: History) -> Inserter:
    settings = history.settings.model_copy(update={"clickhouse": proxy.address})
    return History(settings, history.client).inserter()


def rows() -> Rows:
    events = [operation(n, metadata={"large": "x" * 5_000}) for n in range(TOTAL)]
    (made,) = read_contents(records("events.operations", events), Settings()).rows
    return made


def assert_each_once(history: History, refused: list[Refusal]) -> None:
    assert refused == []
    found = history.ask("SELECT count(), uniqExact(event_id) FROM {db}.operations WHERE event_id != 'other'")
    assert found == [(TOTAL, TOTAL)]


async def suffer(proxy: ClickHouseProxy, mode: Mode, times: int = 2) -> None:
    """Wait until so many inserts have suffered."""
    async with asyncio.timeout(30):
        while proxy.suffered[mode] < times:  # noqa: ASYNC110 - the proxy has threads of its own
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("mode", BAD)
async def test_rows_are_there_once_after_inserts_met_with(mode: Mode, history: History, proxy: ClickHouseProxy) -> None:
    proxy.set(mode)
    async with landing(history, proxy) as task:
        await suffer(proxy, mode)
        assert not task.done(), "nothing of it is an acknowledgement"
        proxy.set(Mode.PASS)
        assert_each_once(history, await asyncio.wait_for(task, 60))


async def test_an_insert_that_takes_long_has_twice_the_time_when_it_is_tried_again(
    history: History, proxy: ClickHouseProxy
) -> None:
    proxy.set(Mode.SLOW)  # answers after 1.5 s, and 1 s is what the first attempt waits
    async with landing(history, proxy) as task:
        assert_each_once(history, await asyncio.wait_for(task, 60))
    # Three times where the machine itself is slow: the third has 4 s. Without twice the time it would never land.
    assert proxy.suffered[Mode.SLOW] in (2, 3)


async def test_more_than_the_servers_memory_takes_lands_in_smaller_pieces(
    history: History, proxy: ClickHouseProxy
) -> None:
    proxy.settings = {"max_memory_usage": "44000000"}
    async with landing(history, proxy) as task:
        assert_each_once(history, await asyncio.wait_for(task, 60))
    parts = history.one("SELECT uniqExact(_part) FROM {db}.operations_log")
    assert parts > 1, "it landed in one piece: the limit proves nothing"


@dataclass(frozen=True)
class Trouble:
    """An error of ClickHouse: how to bring it about and to mend it, by settings of the insert or by statements."""

    code: int
    settings: dict[str, str] = field(default_factory=dict)
    make: tuple[str, ...] = ()
    mend: tuple[str, ...] = ()


_OTHER = "INSERT INTO {table} (timestamp, event_id) VALUES (now(), 'other')"
TROUBLES = {
    "memory limit": Trouble(241, {"max_memory_usage": "10000"}),
    "time-out": Trouble(159, {"max_execution_time": "0.0001"}),
    "read-only user": Trouble(164, {"readonly": "1"}),
    "read-only table": Trouble(
        774,
        make=("ALTER TABLE {table} MODIFY SETTING table_readonly = 1",),
        mend=("ALTER TABLE {table} RESET SETTING table_readonly",),
    ),
    "too many parts": Trouble(
        252,
        make=(
            "SYSTEM STOP MERGES {table}",
            _OTHER,
            _OTHER,
            "ALTER TABLE {table} MODIFY SETTING parts_to_throw_insert = 1",
        ),
        mend=("ALTER TABLE {table} RESET SETTING parts_to_throw_insert", "SYSTEM START MERGES {table}"),
    ),
    "detached table": Trouble(60, make=("DETACH TABLE {table}",), mend=("ATTACH TABLE IF NOT EXISTS {table}",)),
}


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
async def test_what_the_server_cannot_do_now_is_no_fault_of_the_rows(
    trouble: Trouble, history: History, proxy: ClickHouseProxy, caplog: pytest.LogCaptureFixture
) -> None:
    table = f"{history.settings.database}.operations_log"
    run = history.client.command
    try:
        proxy.settings = trouble.settings
        for statement in trouble.make:
            run(statement.format(table=table))
        async with landing(history, proxy) as task:
            await until(lambda: f"Code: {trouble.code}." in caplog.text, expected=True)
            assert not task.done()
            proxy.settings = {}
            for statement in trouble.mend:
                run(statement.format(table=table))
            assert_each_once(history, await asyncio.wait_for(task, 60))
    finally:
        for statement in trouble.mend:
            run(statement.format(table=table))


async def test_a_table_that_stays_away_stops_the_lander_with_what_to_do(
    history: History, proxy: ClickHouseProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inserter_module, "_GONE_ATTEMPTS", 3)
    table = f"{history.settings.database}.operations_log"
    history.client.command(f"DETACH TABLE {table}")
    try:
        async with landing(history, proxy) as task:
            with pytest.raises(FatalError, match=rf"{table} is gone .* Nothing more was committed\. Restore the table"):
                await asyncio.wait_for(task, 60)
    finally:
        history.client.command(f"ATTACH TABLE IF NOT EXISTS {table}")


async def test_a_database_that_was_dropped_is_made_anew_by_the_next_lander(
    stack_settings: Settings, empty_history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inserter_module, "_GONE_ATTEMPTS", 3)
    own = {"clickhouse": empty_history.settings.clickhouse, "database": empty_history.settings.database}
    settings = stack_settings.model_copy(update=own | {"partitions": 1, "batch_ms": 50})
    operations = topics_of(settings).operations
    await ensure_topics(settings)
    stop = asyncio.Event()
    first = asyncio.create_task(run_lander(settings, stop))
    await publish(settings, operations, map(operation, range(100)))
    await until(lambda: has_rows(empty_history, 100), expected=True, task=first)
    await until_committed(settings, 100)
    empty_history.client.command(f"DROP DATABASE {settings.database} SYNC")
    await publish(settings, operations, map(operation, range(100, 300)))
    with pytest.raises(FatalError, match="drop the whole database and start the lander again"):
        await asyncio.wait_for(first, 90)
    async with lander(settings) as second:
        await until(lambda: has_rows(empty_history, 200), expected=True, task=second)


def has_rows(history: History, expected: int) -> bool:
    try:
        return count(history, "operations") == expected
    except ClickHouseError:
        return False


async def until_committed(settings: Settings, records_in_all: int) -> None:
    async with asyncio.timeout(60):
        while sum(await committed(settings, topics_of(settings).operations)) != records_in_all:
            continue  # asking takes long enough


@pytest.mark.slow
async def test_a_lander_between_whom_and_clickhouse_everything_goes_wrong_lands_each_event_once(
    stack_settings: Settings, history: History, proxy: ClickHouseProxy
) -> None:
    seed = int(os.environ.get("SEED", random.randrange(10**6)))
    print(f"SEED={seed}")
    rng, done = random.Random(seed), asyncio.Event()
    own = {"clickhouse": proxy.address, "database": history.settings.database, "partitions": 4}
    settings = stack_settings.model_copy(update=own | {"batch_rows": 300, "batch_ms": 50})
    await ensure_topics(settings)
    publishing = asyncio.create_task(publish_until(done, settings))
    async with lander(settings) as task:
        for mode in rng.sample(BAD * 2, 2 * len(BAD)):
            proxy.set(mode, inserts_only=rng.random() < 0.7)
            await suffer(proxy, mode, proxy.suffered[mode] + 1)
            await asyncio.sleep(rng.uniform(0.0, 1.0))
            proxy.set(Mode.PASS)
            await asyncio.sleep(rng.uniform(0.0, 0.3))
        done.set()
        total = await publishing
        await until(lambda: count(history, "operations"), total, task=task)
        await until_committed(settings, total // ARRAY)
    assert history.ask("SELECT count(), uniqExact(event_id), max(idx) FROM {db}.operations") == [(total, total, 9)]
    assert count(history, "dead_letters") == 0


async def publish_until(done: asyncio.Event, settings: Settings) -> int:
    """Publish arrays of `ARRAY` events, some 2,000 events/s, and return how many events."""
    topic, total = topics_of(settings).operations, 0
    while not done.is_set():
        arrays = [[operation(total + n * ARRAY + place) for place in range(ARRAY)] for n in range(40)]
        total += ARRAY * await publish(settings, topic, arrays)
        await asyncio.sleep(0.1)
    return total
