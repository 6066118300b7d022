"""An event that was counted and did not land is not counted again: its row is written after all."""

from __future__ import annotations

import json
from contextlib import closing

import pytest

from pipeline.clickhouse_client import connect
from pipeline.settings import Settings
from tests.stack.test_dead import broken, listed, rows, send, service
from tests.stack.up_fixture import Cli

__all__ = ["service"]

pytestmark = pytest.mark.stack


async def test_a_row_that_clickhouse_would_not_take_lands_once_it_does(cli: Cli, service: str) -> None:
    where = json.loads((cli.home / "run" / "up.json").read_text())["clickhouse"]
    good = [{**broken(service), "duration_ms": 5.0}, {**broken(service), "duration_ms": 13_000.0}]
    counted = f"SELECT sum(calls) AS n FROM slots WHERE service = '{service}' AND operation = 'pay'"
    landed = f"SELECT count() AS n FROM operations WHERE service = '{service}'"
    with closing(connect(Settings(clickhouse=where))) as client:
        table = "pipeline.operations_log"
        client.command(f"ALTER TABLE {table} ADD CONSTRAINT unlucky CHECK duration_us != 13000000")
        try:
            await send(cli, "events.operations", [good])
            (letter,) = listed(cli, service, 1)
            assert (letter["reason"], letter["id"][-2:]) == ("landing", "/1")
            refused = cli.run("dead", "replay", letter["id"])
            assert (refused.returncode, "unlucky" in refused.stderr) == (1, True)
            assert len(listed(cli, service, 1)) == 1
        finally:
            client.command(f"ALTER TABLE {table} DROP CONSTRAINT unlucky")
    rows(cli, counted, [{"n": 2}])
    rows(cli, landed, [{"n": 1}])
    told = cli.json("dead", "replay", letter["id"])
    assert (told["sent"], told["landed"]) == (0, 1)
    rows(cli, landed, [{"n": 2}])
    rows(cli, counted, [{"n": 2}])
    assert [one["state"] for one in listed(cli, service, 1, "--all")] == ["landed"]
