"""The real log, from a file to every answer: published with `pipeline publish` on a stack of its own."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.histogram import ALPHA
from tests.stack.up_fixture import Cli, Up, free_ports

ROOT = Path(__file__).parents[2]
LOG = ROOT.parent / "shared" / "data" / "openstack_nova_2017.log"
STATUSES = {"GET 200": 911, "GET 404": 20, "POST 200": 22, "POST 202": 21, "POST 404": 21, "DELETE 204": 22}
QUANTILES = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}
OPERATIONS, ERRORS = 1_017, 31

pytestmark = [
    pytest.mark.stack,
    pytest.mark.slow,
    pytest.mark.skipif(not LOG.exists(), reason="the whole nova log isn't beside the repository"),
]

Events = list[dict[str, Any]]


@pytest.fixture(scope="module")
def events() -> Events:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "nova_log.py"), str(LOG)], capture_output=True, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def nova(tmp_path_factory: pytest.TempPathFactory, events: Events) -> Iterator[Cli]:
    """A pipeline that was given the log and nothing else, once all of it has arrived everywhere."""
    one = Cli(tmp_path_factory.mktemp("nova"), free_ports())
    up = Up(one)
    try:
        lines = "".join(json.dumps(event) + "\n" for event in events).encode()
        published = one.json("publish", "-", stdin=lines)
        assert published["refused"] == 0
        wait_until(lambda: overall(one)["events"] == OPERATIONS and overall(one)["error_events"] == ERRORS)
        wait_until(
            lambda: one.json("sql", "SELECT sum(events) AS n FROM slots WHERE service = ''")[0]["n"] == OPERATIONS
        )
        yield one
    finally:
        up.stop()


def wait_until(holds: Any, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to hold in time"
        time.sleep(1)


def records(cli: Cli) -> list[dict[str, Any]]:
    """What `stats` has over the longest window, which the whole log fits into."""
    found: list[dict[str, Any]] = cli.json("stats", "--window", "1h")
    return found


def overall(cli: Cli) -> dict[str, Any]:
    empty = {"events": 0, "error_events": 0}
    return next((found for found in records(cli) if not found["service"]), empty)


def durations_us(events: Events) -> dict[tuple[str, str], list[int]]:
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for event in events:
        if event["type"] == "operation":
            found[event["service"], event["operation"]].append(round(event["duration_ms"] * 1000))
    return {key: sorted(values) for key, values in found.items()}


def nearest_rank_ms(values: list[int], quantile: float) -> float:
    return values[math.ceil(quantile * len(values)) - 1] / 1000


def test_the_windows_count_every_operation_and_every_error(nova: Cli, events: Events) -> None:
    found = {(record["service"], record["operation"]): record for record in records(nova) if record["operation"]}
    wanted = durations_us(events)
    assert {key: window["events"] for key, window in found.items()} == {key: len(v) for key, v in wanted.items()}
    statuses: Counter[str] = Counter()
    for (_, operation), window in found.items():
        for status, calls in window["status_codes"].items():
            statuses[f"{operation.split()[0]} {status}"] += calls
    assert statuses == STATUSES
    severities = Counter(event["severity"] for event in events if event["type"] == "error")
    assert overall(nova)["errors_by_severity"] == {"warning": 0, "error": 0, "critical": 0} | dict(severities)


def test_percentiles_of_the_windows_are_near_a_sort_of_the_durations(nova: Cli, events: Events) -> None:
    wanted = durations_us(events)
    for record in records(nova):
        if record["operation"]:
            for name, quantile in QUANTILES.items():
                exact = nearest_rank_ms(wanted[record["service"], record["operation"]], quantile)
                assert record[name] == pytest.approx(exact, rel=ALPHA * 1.001)


def test_percentiles_in_sql_are_near_the_sort_and_near_the_sketch_over_raw_rows(nova: Cli, events: Events) -> None:
    wanted = durations_us(events)
    slots = nova.json(
        "sql",
        """SELECT service, operation, sum(events) AS n, latency_ms(0.5, latency_index, latency_count) AS p50_ms,
        latency_ms(0.95, latency_index, latency_count) AS p95_ms, latency_ms(0.99, latency_index, latency_count) AS p99_ms
        FROM slots WHERE operation != '' GROUP BY service, operation""",
    )
    raw = nova.json(
        "sql",
        f"""SELECT service, operation, count() AS n, quantilesDD({ALPHA}, 0.5, 0.95, 0.99)(duration_us) AS us
        FROM operations GROUP BY service, operation""",
    )
    sketches = {(row["service"], row["operation"]): row for row in raw}
    assert {(row["service"], row["operation"]): row["n"] for row in slots} == {k: len(v) for k, v in wanted.items()}
    for row in slots:
        key = (row["service"], row["operation"])
        assert sketches[key]["n"] == row["n"]
        for (name, quantile), sketch_us in zip(QUANTILES.items(), sketches[key]["us"], strict=True):
            assert row[name] == pytest.approx(nearest_rank_ms(wanted[key], quantile), rel=ALPHA * 1.001)
            # ClickHouse's rank may be one off ours: its figure is that of a neighbour in the sort.
            rank = math.ceil(quantile * len(wanted[key])) - 1
            near = wanted[key][max(0, rank - 1) : rank + 2]
            assert any(sketch_us == pytest.approx(value, rel=ALPHA * 1.001) for value in near)


def test_the_raw_tables_have_every_row_once(nova: Cli) -> None:
    rows = nova.json(
        "sql", "SELECT (SELECT count() FROM operations) AS operations, (SELECT count() FROM errors) AS errors"
    )
    assert rows == [{"operations": OPERATIONS, "errors": ERRORS}]
    by_status = nova.json(
        "sql",
        "SELECT concat(splitByChar(' ', operation)[1], ' ', toString(status_code)) AS s, count() AS n FROM operations GROUP BY s",
    )
    assert {row["s"]: row["n"] for row in by_status} == STATUSES


def test_the_reckoning_agrees(nova: Cli) -> None:
    assert nova.run("reckon").returncode == 0
