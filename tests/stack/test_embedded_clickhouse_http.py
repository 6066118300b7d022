"""The embedded ClickHouse as curl sees it: addresses, headers, statuses, bodies, sessions."""

from __future__ import annotations

import asyncio
import gzip
import json
import uuid
import zlib
from typing import Any

import aiohttp
import lz4.frame
import pytest
import zstandard

from tests.stack.clickhouse_curl import Curl

pytestmark = pytest.mark.stack


async def test_a_ping_and_the_root_answer_ok_without_a_query(curl: Curl) -> None:
    for path in ("/ping", "/replicas_status", "/"):
        async with aiohttp.ClientSession() as http, http.get(curl.address + path) as reply:
            assert (reply.status, await reply.text()) == (200, "Ok.\n")


async def test_the_query_may_stand_in_the_url_in_the_body_or_half_in_each(curl: Curl, table: str) -> None:
    assert (await curl(method="GET", query="SELECT 1"))[2] == b"1\n"
    assert (await curl("SELECT 1"))[2] == b"1\n"
    assert (await curl("1 + 1", query="SELECT"))[2] == b"2\n"
    assert (await curl(b"1\ta\n2\tb", query=f"INSERT INTO {table} FORMAT TSV"))[0] == 200
    assert (await curl(b"(3, 'c'), (4, 'd')", query=f"INSERT INTO {table} VALUES"))[0] == 200
    assert await curl.text(f"SELECT groupArray(s) FROM (SELECT s FROM {table} ORDER BY n)") == "['a','b','c','d']"


async def test_a_form_may_carry_query_and_parameters(curl: Curl) -> None:
    form = aiohttp.FormData(default_to_multipart=True)
    form.add_field("query", "SELECT {x:String}, {y:UInt8} FORMAT CSV")
    form.add_field("param_x", "it's ü")
    assert (await curl(form, param_y="7"))[2].decode() == '"it\'s ü",7\n'


async def test_an_external_table_is_refused_as_not_supported(curl: Curl) -> None:
    form = aiohttp.FormData()
    form.add_field("ext", b"1\n", filename="ext")
    status, headers, body = await curl(form, query="SELECT * FROM ext", ext_structure="n Int8")
    assert (status, headers["X-ClickHouse-Exception-Code"]) == (501, "48")
    assert b"External tables" in body


async def test_headers_tell_id_format_time_zone_and_counts(curl: Curl) -> None:
    status, headers, _ = await curl("SELECT number FROM numbers(10)", query_id="mine", wait_end_of_query="1")
    assert status == 200
    assert headers["X-ClickHouse-Query-Id"] == "mine"
    assert headers["X-ClickHouse-Format"] == "TabSeparated"
    assert headers["X-ClickHouse-Timezone"] == "UTC"
    assert headers["Content-Type"].startswith("text/tab-separated-values")
    summary = json.loads(headers["X-ClickHouse-Summary"])
    assert (summary["read_rows"], summary["result_rows"], summary["result_bytes"]) == ("10", "10", "20")


async def test_a_statement_without_a_result_has_no_format(curl: Curl, table: str) -> None:
    _, headers, body = await curl(f"INSERT INTO {table} VALUES (1, 'a')")
    assert "X-ClickHouse-Format" not in headers
    assert body == b""


@pytest.mark.parametrize("asked", [{"default_format": "JSONEachRow"}, {}])
async def test_the_format_of_sql_beats_that_of_the_url_and_the_header(curl: Curl, asked: dict[str, Any]) -> None:
    headers = {"X-ClickHouse-Format": "JSONEachRow"}
    assert (await curl("SELECT 1 AS a", headers=headers, **asked))[2] == b'{"a":1}\n'
    status, answered, body = await curl("SELECT 1 AS a FORMAT CSV SETTINGS max_threads = 1", headers=headers, **asked)
    assert (status, answered["X-ClickHouse-Format"], body) == (200, "CSV", b"1\n")


@pytest.mark.parametrize(
    ("sql", "status", "code"),
    [
        ("SELEC", 400, "62"),
        ("", 400, "62"),
        ("SELECT 1; SELECT 2", 400, "62"),
        ("SELECT * FROM nosuch", 404, "60"),
        ("SELECT * FROM nosuch.t", 404, "81"),
        ("SELECT nosuch", 404, "47"),
        ("SELECT nosuch()", 404, "46"),
        ("SELECT toUInt8('x')", 400, "6"),
        ("SELECT throwIf(1)", 500, "395"),
        ("SELECT {x:UInt8}", 400, "456"),
        ("SELECT 1 INTO OUTFILE '/tmp/x'", 403, "392"),
        ("SELECT 1 FORMAT Nosuch", 404, "73"),
    ],
)
@pytest.mark.parametrize("whole", ["0", "1"])
async def test_an_error_has_its_number_its_status_and_its_words(
    curl: Curl, sql: str, status: int, code: str, whole: str
) -> None:
    answered, headers, body = await curl(sql, wait_end_of_query=whole)
    assert (answered, headers["X-ClickHouse-Exception-Code"]) == (status, code), body
    assert body.decode().startswith(f"Code: {code}. DB::Exception: ")
    assert body.decode().endswith("(official build))\n")


@pytest.mark.parametrize(
    ("name", "value"), [("nosuch_setting", "1"), ("max threads", "1"), ("x;y", "1"), ("max_threads", "many")]
)
async def test_a_url_parameter_that_is_no_setting_is_refused(curl: Curl, name: str, value: str) -> None:
    status, headers, _ = await curl("SELECT 1", **dict[str, Any]({name: value}))
    assert status >= 400
    assert headers["X-ClickHouse-Exception-Code"] in {"115", "72", "27", "6", "41"}


async def test_python_s_own_formats_do_not_exist_here(curl: Curl) -> None:
    for name in ("DataFrame", "arrowtable", "DataStore"):
        assert (await curl("SELECT 1", default_format=name))[0] == 404


async def test_a_quote_in_a_database_s_name_stays_in_the_name(curl: Curl) -> None:
    assert (await curl("SELECT 1", database="a`b\\c"))[0] == 404
    await curl.text("CREATE DATABASE `a``b c`")
    assert await curl.text("SELECT currentDatabase()", database="a`b c") == "a`b c"
    await curl.text("DROP DATABASE `a``b c`")


PACKED: dict[str, Any] = {
    "gzip": (gzip.compress, gzip.decompress),
    "deflate": (zlib.compress, zlib.decompress),
    "lz4": (lz4.frame.compress, lz4.frame.decompress),
    "zstd": (zstandard.compress, lambda body: zstandard.ZstdDecompressor().decompressobj().decompress(body)),
}


@pytest.mark.parametrize("encoding", PACKED)
async def test_bodies_are_unpacked_and_answers_packed_when_asked(curl: Curl, table: str, encoding: str) -> None:
    pack, unpack = PACKED[encoding]
    blocks = [b"".join(b"%d\tx\n" % n for n in range(first, first + 1_000)) for first in range(0, 5_000, 1_000)]
    frames = b"".join(map(pack, blocks)) if encoding != "deflate" else pack(b"".join(blocks))
    packed = {"Content-Encoding": encoding}
    assert (await curl(frames, query=f"INSERT INTO {table} FORMAT TSV", headers=packed))[0] == 200
    assert await curl.text(f"SELECT count(), uniqExact(n) FROM {table}") == "5000\t5000"
    sql, accept = f"SELECT n, s FROM {table} ORDER BY n", {"Accept-Encoding": encoding}
    for whole in ("0", "1"):
        _, headers, body = await curl(sql, headers=accept, enable_http_compression="1", wait_end_of_query=whole)
        assert headers["Content-Encoding"] == encoding
        assert unpack(body) == b"".join(blocks)
    _, headers, body = await curl(sql, headers=accept)
    assert "Content-Encoding" not in headers
    assert body == b"".join(blocks)


async def test_a_body_that_is_not_what_it_says_is_400_and_writes_nothing(curl: Curl, table: str) -> None:
    whole = lz4.frame.compress(b"1\ta\n" * 1_000)
    for broken in (b"1\ta\n", whole[:-5], whole + b"x"):
        status, headers, _ = await curl(
            broken, query=f"INSERT INTO {table} FORMAT TSV", headers={"Content-Encoding": "lz4"}
        )
        assert (status, headers["X-ClickHouse-Exception-Code"]) == (400, "271")
    assert await curl.text(f"SELECT count() FROM {table}") == "0"


async def test_clickhouse_s_own_frames_are_refused_with_what_to_use_instead(curl: Curl) -> None:
    status, _, body = await curl("SELECT 1", compress="1")
    assert status == 501
    assert b"Accept-Encoding" in body


async def test_get_only_reads(curl: Curl, table: str) -> None:
    for sql in (
        f"INSERT INTO {table} VALUES (1, 'a')",
        f"DROP TABLE {table}",
        "KILL QUERY WHERE 1",
        "SYSTEM FLUSH LOGS",
    ):
        status, headers, _ = await curl(method="GET", query=sql)
        assert (status, headers["X-ClickHouse-Exception-Code"]) == (500, "164")
    assert (await curl(method="GET", query=f"SELECT count() FROM {table}"))[2] == b"0\n"
    assert (await curl(method="PUT", query="SELECT 1"))[0] == 405


async def test_an_error_behind_rows_stands_in_a_tagged_block_and_the_answer_is_broken_off(curl: Curl) -> None:
    sql = "SELECT throwIf(number = 1500000, 'too far') FROM numbers(3000000) SETTINGS max_threads = 1"
    async with aiohttp.ClientSession() as http, http.post(curl.address, data=sql) as reply:
        assert reply.status == 200
        rows = await reply.content.readexactly(100_000)
        with pytest.raises(aiohttp.ClientPayloadError):
            await reply.content.read()
    assert set(rows) == set(b"0\n")


async def test_the_block_behind_rows_has_the_error_between_its_tags(curl: Curl) -> None:
    sql = "SELECT throwIf(number = 1500000, 'too far') FROM numbers(3000000) SETTINGS max_threads = 1"
    run = await asyncio.create_subprocess_exec(
        "curl", "-sS", "-i", curl.address, "-d", sql, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await run.communicate()
    assert run.returncode == 18, err  # curl: transfer closed with outstanding read data remaining
    tag = out.partition(b"X-ClickHouse-Exception-Tag: ")[2].partition(b"\r\n")[0]
    block = out.partition(b"\r\n__exception__\r\n" + tag + b"\r\n")[2]
    assert block.startswith(b"Code: 395. DB::Exception: too far")
    assert block.endswith(b" " + tag + b"\r\n__exception__\r\n")


async def test_what_a_gone_client_asked_for_is_not_read_to_its_end(curl: Curl) -> None:
    marker = uuid.uuid4().hex
    async with aiohttp.ClientSession() as http:
        reply = await http.post(curl.address, data=f"SELECT number, '{marker}' FROM numbers(10000000000) FORMAT Native")
        await reply.content.readany()
        reply.close()
    running = f"SELECT count() FROM system.processes WHERE query LIKE '%{marker}%' AND query NOT LIKE '%processes%'"
    async with asyncio.timeout(20):
        while await curl.text(running) != "0":
            await curl.text("SELECT sleep(0.1)")


async def test_a_long_query_fits_in_the_url(curl: Curl) -> None:
    assert (await curl(b"", query=f"SELECT length('{'x' * 100_000}')"))[2] == b"100000\n"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://example.com"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Host": "evil.example.com"},
        {"Host": "127.0.0.1.evil.example.com:8123"},
    ],
)
async def test_a_web_page_gets_no_answer(curl: Curl, headers: dict[str, str]) -> None:
    status, _, body = await curl("SELECT 1", headers=headers)
    assert status == 403, body


async def test_a_host_that_is_this_machine_is_answered(curl: Curl) -> None:
    for host in ("localhost:1", "127.0.0.1", "[::1]:8123", "pipeline.localhost"):
        assert (await curl("SELECT 1", headers={"Host": host}))[0] == 200


async def test_unknown_users_are_turned_away(curl: Curl) -> None:
    attempts: tuple[tuple[dict[str, str], str], ...] = (
        ({"X-ClickHouse-User": "nobody"}, "default"),
        ({"Authorization": "Basic bm9ib2R5Ong="}, "default"),  # nobody:x
        ({"Authorization": "Basic !"}, "default"),
        ({}, "nobody"),
    )
    for headers, user in attempts:
        status, answered, _ = await curl("SELECT 1", headers=headers, user=user)
        assert (status, answered["X-ClickHouse-Exception-Code"]) == (403, "516")
