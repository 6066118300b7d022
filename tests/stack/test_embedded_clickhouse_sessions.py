"""Sessions of the embedded ClickHouse: what stays, what does not, and when they end."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest

from tests.stack.clickhouse_curl import Curl

pytestmark = pytest.mark.stack


async def test_a_session_keeps_what_it_made_and_nothing_of_the_url(curl: Curl) -> None:
    mine: dict[str, Any] = {"session_id": uuid.uuid4().hex}
    await curl.text("CREATE TEMPORARY TABLE x (n UInt8)", **mine)
    await curl.text("INSERT INTO x VALUES (5)", **mine)
    assert await curl.text("SELECT n FROM x", **mine) == "5"
    assert (await curl("SELECT n FROM x"))[0] == 404
    await curl.text("SET max_block_size = 777", **mine)
    await curl.text("USE system", **mine)
    sql = "SELECT getSetting('max_block_size'), getSetting('max_threads'), currentDatabase()"
    before = await curl.text(sql, **mine)
    url: dict[str, Any] = {"max_block_size": "55", "max_threads": "1", "database": "information_schema"}
    assert await curl.text(sql, **url, **mine) == "55\t1\tinformation_schema"
    assert await curl.text(sql, **mine) == before
    assert before.startswith("777\t")
    assert before.endswith("\tsystem")


async def test_settings_of_a_failed_or_streamed_query_do_not_stay_in_its_session(curl: Curl) -> None:
    mine: dict[str, Any] = {"session_id": uuid.uuid4().hex}
    before = await curl.text("SELECT getSetting('max_block_size')", **mine)
    assert (await curl("SELECT nosuch", max_block_size="55", **mine))[0] == 404
    assert (await curl("SELECT number FROM numbers(200000)", max_block_size="55", **mine))[0] == 200
    assert (await curl("SELECT 1", max_block_size="55", max_threads="many", **mine))[0] == 400
    assert await curl.text("SELECT getSetting('max_block_size')", **mine) == before


async def test_two_requests_at_once_in_one_session_are_373_for_the_second(curl: Curl) -> None:
    mine: dict[str, Any] = {"session_id": uuid.uuid4().hex}
    answers = await asyncio.gather(*(curl("SELECT sleep(0.5)", **mine) for _ in range(2)))
    assert sorted(status for status, _, _ in answers) == [200, 500]
    assert [headers.get("X-ClickHouse-Exception-Code") for status, headers, _ in answers if status == 500] == ["373"]
    assert await curl.text("SELECT 1", **mine) == "1"


async def test_a_session_ends_when_its_time_is_over_or_it_is_closed(curl: Curl) -> None:
    mine: dict[str, Any] = {"session_id": uuid.uuid4().hex, "session_timeout": "0"}
    await curl.text("CREATE TEMPORARY TABLE x (n UInt8)", **mine)
    await curl.text("SELECT sleep(2.5)")
    assert (await curl("SELECT 1", session_check="1", **mine))[1]["X-ClickHouse-Exception-Code"] == "372"
    mine = {"session_id": uuid.uuid4().hex}
    await curl.text("CREATE TEMPORARY TABLE x (n UInt8)", **mine)
    await curl.text("SELECT * FROM x", close_session="1", **mine)
    assert (await curl("SELECT * FROM x", **mine))[0] == 404
    assert (await curl("SELECT 1", session_timeout="1000000", **mine))[1]["X-ClickHouse-Exception-Code"] == "374"


async def test_a_reader_and_a_writer_never_share_a_session(curl: Curl) -> None:
    mine: dict[str, Any] = {"session_id": uuid.uuid4().hex}
    await curl.text("CREATE TEMPORARY TABLE x (n UInt8)", **mine)
    assert (await curl("SELECT * FROM x", user="reader", **mine))[0] == 404
