"""clickhouse-connect, sync and async, against whichever ClickHouse there is."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import clickhouse_connect
import pandas as pd  # type: ignore[import-untyped]  # it has no types of its own
import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError

from pipeline.clickhouse_client import connect, connect_async
from pipeline.settings import Settings

pytestmark = pytest.mark.stack
ROWS = 100_000


@pytest.fixture
def client(own_database: Settings) -> Iterator[Client]:
    client = connect(own_database)
    client.command("CREATE TABLE t (n UInt64, s String, at DateTime64(3, 'UTC')) ENGINE = MergeTree ORDER BY n")
    yield client
    client.close()


def rows(count: int) -> list[tuple[int, str, datetime]]:
    at = datetime(2024, 1, 2, 3, 4, 5, 678_000, UTC)
    return [(n, f"text {n}", at) for n in range(count)]


def packing(settings: Settings, encoding: str) -> Client:
    """A client that compresses: `connect` does not, because it is slower on one machine."""
    host, _, port = str(settings.clickhouse).rpartition("@")[2].removeprefix("http://").partition("/")[0].partition(":")
    database = str(settings.clickhouse).rpartition("/")[2]
    compress = {"none": False, "any": True}.get(encoding, encoding)
    user = {"username": "pipeline", "password": "pipeline"} if "@" in str(settings.clickhouse) else {}
    return clickhouse_connect.get_client(host=host, port=int(port), database=database, compress=compress, **user)


def total(client: Client) -> tuple[Any, ...]:
    return tuple(client.query("SELECT count(), uniqExact(n), sum(n) FROM t").result_rows[0])


ALL = (ROWS, ROWS, ROWS * (ROWS - 1) // 2)


def test_the_server_tells_its_version_and_answers_a_ping(client: Client) -> None:
    assert client.ping()
    assert int(client.server_version.split(".")[0]) >= 24
    assert str(client.server_tz) == "UTC"


def test_a_command_returns_its_value_or_a_summary(client: Client) -> None:
    assert client.command("SELECT count() FROM t") == 0
    assert client.command("SELECT 'a', 'b'") == ["a", "b"]
    assert client.command("SELECT s FROM t WHERE 0") == ""
    assert not isinstance(client.command("CREATE TABLE u (n Int8) ENGINE = Memory"), (str, int))


def test_a_command_can_carry_rows(client: Client) -> None:
    client.command("INSERT INTO t FORMAT JSONEachRow", data='{"n": 1, "s": "ü"}\n{"n": 2}')
    assert client.query("SELECT n, s FROM t ORDER BY n").result_rows == [(1, "ü"), (2, "")]


def test_a_query_returns_rows_columns_and_names(client: Client) -> None:
    client.insert("t", rows(3), ["n", "s", "at"])
    result = client.query("SELECT n, s, at FROM t ORDER BY n")
    assert result.column_names == ("n", "s", "at")
    assert result.result_columns[0] == [0, 1, 2]
    assert result.first_row[1] == "text 0"
    assert result.first_row[2].replace(tzinfo=UTC) == rows(1)[0][2]
    assert result.summary["read_rows"] == "3"
    assert result.query_id


@pytest.mark.parametrize("encoding", ["none", "lz4", "zstd", "gzip", "any"])
def test_every_row_of_a_large_insert_arrives_and_comes_back_in_every_encoding(
    client: Client, own_database: Settings, encoding: str
) -> None:
    packed = packing(own_database, encoding)
    summary = packed.insert("t", rows(ROWS), ["n", "s", "at"])
    assert summary.written_rows == ROWS
    assert total(packed) == ALL
    assert packed.query("SELECT * FROM t ORDER BY n").result_columns[0] == list(range(ROWS))
    with packed.query_row_block_stream("SELECT n, s FROM t") as blocks:
        streamed = [row for block in blocks for row in block]
    assert len(streamed) == ROWS
    assert len({n for n, _ in streamed}) == ROWS
    packed.close()


def test_columns_frames_and_arrow_are_inserted_and_read(client: Client) -> None:
    at = rows(1)[0][2]
    client.insert("t", [[0, 1], ["a", "b"], [at, at]], ["n", "s", "at"], column_oriented=True)
    client.insert_df("t", pd.DataFrame({"n": [2], "s": ["c"], "at": [at]}))
    table = pa.table({"n": pa.array([3], pa.uint64()), "s": ["d"], "at": pa.array([at], pa.timestamp("ms", "UTC"))})
    client.insert_arrow("t", table)
    client.raw_insert("t", ["n", "s"], b'4,"e"\n', fmt="CSV")
    client.raw_insert("t", ["n", "s"], (b'{"n": %d}\n' % n for n in (5, 6)), fmt="JSONEachRow")
    assert client.query_df("SELECT n, s FROM t ORDER BY n")["s"].tolist() == ["a", "b", "c", "d", "e", "", ""]
    assert client.query_arrow("SELECT n FROM t ORDER BY n")["n"].to_pylist() == list(range(7))
    assert client.query_np("SELECT n FROM t ORDER BY n")[:, 0].tolist() == list(range(7))


def test_arrow_of_a_hundred_thousand_rows_goes_in_and_comes_out_whole(client: Client) -> None:
    numbers = pa.array(range(ROWS), pa.uint64())
    client.insert_arrow("t", pa.table({"n": numbers, "s": pa.array(["x"] * ROWS)}))
    assert total(client) == ALL
    assert client.query_arrow("SELECT n FROM t ORDER BY n")["n"].combine_chunks() == numbers
    with client.query_arrow_stream("SELECT n FROM t") as batches:
        assert sum(batch.num_rows for batch in batches) == ROWS


def test_a_raw_query_and_a_raw_stream_return_the_format_asked_for(client: Client) -> None:
    assert client.raw_query("SELECT 1 AS a", fmt="JSONEachRow") == b'{"a":1}\n'
    assert client.raw_query("SELECT 1 AS a, 'x' AS b", fmt="CSVWithNames") == b'"a","b"\n1,"x"\n'
    with client.raw_stream("SELECT number FROM numbers(200000)", fmt="CSV") as stream:
        assert stream.read().count(b"\n") == 200_000


@pytest.mark.parametrize("name", ["CSVWithNames", "TabSeparatedWithNamesAndTypes", "JSONCompactEachRowWithNames"])
def test_a_format_with_a_header_has_one_header_however_many_rows(client: Client, name: str) -> None:
    with client.raw_stream("SELECT number AS head FROM numbers(200000)", fmt=name) as stream:
        body = stream.read()
    assert body.count(b"head") == 1
    assert body.startswith((b'"head"', b"head", b'["head"]'))


def test_an_empty_result_is_no_rows_in_every_way_of_asking(client: Client) -> None:
    assert client.query("SELECT n FROM t").result_rows == []
    with client.query_row_block_stream("SELECT n FROM t") as blocks:
        assert [row for block in blocks for row in block] == []
    assert client.query_df("SELECT n FROM t").empty
    assert client.query_arrow("SELECT n FROM t").num_rows == 0
    assert client.raw_query("SELECT n FROM t", fmt="CSVWithNames") == b'"n"\n'
    assert client.query("SELECT n, s FROM t LIMIT 0").column_names == ("n", "s")


NASTY = [
    "it's",
    "back\\slash",
    "tab\tand\nnewline",
    "ünïcödé ✓ 漢字",
    "{x:String}",
    "%s %(x)s",
    "; DROP TABLE t --",
    "",
    "\\N",
]


@pytest.mark.parametrize("text", NASTY)
def test_parameters_arrive_as_they_are_sent(client: Client, text: str) -> None:
    client.insert("t", [(1, text)], ["n", "s"])
    for sql in ("SELECT {x:String}", "SELECT %(x)s", "SELECT s FROM t WHERE s = {x:String}"):
        assert client.query(sql, parameters={"x": text}).result_rows == [(text,)]
    assert client.query("SELECT {a:Array(String)}", parameters={"a": [text, "b"]}).result_rows == [([text, "b"],)]
    client.command("INSERT INTO t (n, s) SELECT 2, {x:String}", parameters={"x": text})
    client.command("INSERT INTO t (n, s) VALUES (3, {x:String})", parameters={"x": text})
    assert client.query("SELECT DISTINCT s FROM t").result_rows == [(text,)]


def test_settings_count_for_their_query_alone(client: Client) -> None:
    sql = "SELECT getSetting('max_block_size')"
    before = client.command(sql)
    assert client.query(sql, settings={"max_block_size": 1234}).result_rows == [(1234,)]
    assert client.command(sql) == before
    with pytest.raises(DatabaseError) as caught:
        client.query("SELECT number FROM numbers(100)", settings={"max_result_rows": 10})
    assert caught.value.code == 396


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELEC 1", 62),
        ("SELECT nosuch", 47),
        ("SELECT * FROM nosuch", 60),
        ("SELECT * FROM nosuch.t", 81),
        ("SELECT nosuch(1)", 46),
        ("SELECT throwIf(1)", 395),
        ("SELECT 1 FORMAT Nosuch", 73),
    ],
)
def test_an_error_carries_the_number_and_the_words_of_clickhouse(client: Client, sql: str, code: int) -> None:
    with pytest.raises(DatabaseError, match=f"Code: {code}. DB::Exception") as caught:
        client.command(sql)
    assert caught.value.code == code


def test_rows_that_do_not_fit_are_an_error_and_nothing_is_written(client: Client) -> None:
    with pytest.raises(DatabaseError) as caught:
        client.raw_insert("t", ["n"], b'{"n": 1}\n{"n": "many"}\n', fmt="JSONEachRow")
    assert caught.value.code in {26, 27, 117}
    assert client.command("SELECT count() FROM t") == 0


def test_an_error_in_the_middle_of_a_stream_reaches_the_reader(client: Client) -> None:
    sql = "SELECT throwIf(number = 1500000, 'too far') FROM numbers(3000000)"
    with (
        pytest.raises((StreamFailureError, DatabaseError), match="too far"),
        client.query_row_block_stream(sql, settings={"max_threads": 1}) as blocks,
    ):
        assert sum(len(block) for block in blocks) < 3_000_000


def test_a_stream_that_its_reader_leaves_does_no_harm(client: Client) -> None:
    for _ in range(3):
        with client.query_row_block_stream("SELECT number FROM numbers(3000000)") as blocks:
            assert next(iter(blocks))
    assert client.command("SELECT 1") == 1


def test_a_client_without_a_session_is_shared_by_threads(client: Client) -> None:
    def square(n: int) -> bool:
        return bool(client.query("SELECT {n:UInt64} * {n:UInt64}", parameters={"n": n}).result_rows == [(n * n,)])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(square, range(200)))


def test_writers_and_readers_at_once_see_exact_counts(client: Client, own_database: Settings) -> None:
    writing = threading.Event()
    writing.set()

    def write(writer: int) -> int:
        mine = connect(own_database)
        for batch in range(10):
            first = (writer * 10 + batch) * 1_000
            mine.insert("t", [(n, "x") for n in range(first, first + 1_000)], ["n", "s"])
        mine.close()
        return 10_000

    def read() -> int:
        mine, seen = connect(own_database), 0
        while writing.is_set():
            count, distinct = mine.query("SELECT count(), uniqExact(n) FROM t").result_rows[0]
            assert count == distinct >= seen
            assert count % 1_000 == 0
            seen = count
        mine.close()
        return seen

    with ThreadPoolExecutor(8) as pool:
        readers = [pool.submit(read) for _ in range(4)]
        written = sum(pool.map(write, range(4)))
        writing.clear()
        assert all(reader.result() <= written for reader in readers)
    assert client.command("SELECT uniqExact(n) FROM t") == written == 40_000


async def test_the_async_client_queries_inserts_and_fails_alike(client: Client, own_database: Settings) -> None:
    asking = await connect_async(own_database)
    try:
        assert await asking.ping()
        await asking.insert("t", rows(ROWS), ["n", "s", "at"])
        assert tuple((await asking.query("SELECT count(), uniqExact(n), sum(n) FROM t")).result_rows[0]) == ALL
        assert len(await asking.query_df("SELECT n FROM t")) == ROWS
        assert (await asking.query_arrow("SELECT n FROM t")).num_rows == ROWS
        async with await asking.query_row_block_stream("SELECT n FROM t") as blocks:
            assert sum([len(block) async for block in blocks]) == ROWS
        with pytest.raises(DatabaseError) as caught:
            await asking.query("SELECT nosuch")
        assert caught.value.code == 47
    finally:
        await asking.close()


async def test_sixteen_async_queries_at_once_each_get_their_own_answer(own_database: Settings) -> None:
    asking = await connect_async(own_database)
    try:
        sql = "SELECT {n:UInt64}, sum(number) FROM numbers({n:UInt64})"
        answers = await asyncio.gather(*(asking.query(sql, parameters={"n": n}) for n in range(1, 17)))
        assert [a.result_rows[0] for a in answers] == [(n, n * (n - 1) // 2) for n in range(1, 17)]
    finally:
        await asking.close()


def test_a_session_keeps_its_temporary_tables_and_settings(client: Client, own_database: Settings) -> None:
    host = packing(own_database, "none")  # clickhouse-connect gives each such client a session
    host.command("CREATE TEMPORARY TABLE mine (n UInt8)")
    host.command("INSERT INTO mine VALUES (1), (2)")
    host.command("SET max_block_size = 777")
    assert host.command("SELECT sum(n) FROM mine") == 3
    assert host.query("SELECT getSetting('max_block_size')", settings={"max_block_size": 55}).result_rows == [(55,)]
    assert host.command("SELECT getSetting('max_block_size')") == 777
    with pytest.raises(DatabaseError):
        client.command("SELECT * FROM mine")
    host.close()
