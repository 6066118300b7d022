"""The commands that look: stats, alerts, sql, topics, doctor, reckon, beside a pipeline that runs."""

from __future__ import annotations

import json
import subprocess
import time
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from tests.stack.test_cli_publish import lines, operation
from tests.stack.up_fixture import Cli

pytestmark = pytest.mark.stack
T = TypeVar("T")


def eventually(look: Callable[[], T], good: Callable[[T], bool], seconds: float = 90) -> T:
    """Return what `look` gives once it is good. Each look is a process, so nothing needs to slow it down."""
    deadline = time.monotonic() + seconds
    while not good(found := look()):
        assert time.monotonic() < deadline, found
    return found


@pytest.fixture(scope="session")
def published(cli: Cli) -> str:
    """A service with 100 calls of `work`, 10 of them failed, a critical error, and something dead."""
    service = f"s{uuid.uuid4().hex[:10]}"
    now_ms = time.time_ns() // 1_000_000
    calls = [
        operation(service, number, duration_ms=1.0 + number, success=number % 10 != 0, environment=service)
        for number in range(100)
    ]
    error = {"type": "error", "severity": "critical", "error_type": "Gone", "message": "it is gone", "event_id": "e"}
    about = {"timestamp_ms": now_ms, "service": service, "operation": "work", "environment": service}
    done = cli.run("publish", "-", stdin=lines(*calls, {**error, **about}))
    assert done.returncode == 0, done.stderr
    return service


def stats_of(cli: Cli, service: str, *more: str) -> Any:
    return cli.json("stats", "--service", service, *more)


def test_stats_tell_exact_counts_and_percentiles_within_their_bound(cli: Cli, published: str) -> None:
    found = eventually(lambda: stats_of(cli, published, "--operation", "work"), bool)
    (record,) = found
    assert record["window"] == "5m"
    assert record["calls"] == 100
    assert record["failures"] == 10
    assert record["error_rate"] == pytest.approx(0.1)
    assert record["p50_ms"] == pytest.approx(50, rel=0.0055)
    assert record["p95_ms"] == pytest.approx(95, rel=0.0055)
    assert record["p99_ms"] == pytest.approx(99, rel=0.0055)


def test_stats_are_a_table_with_the_services_own_row_above_its_operations(cli: Cli, published: str) -> None:
    eventually(lambda: stats_of(cli, published), bool)
    done = cli.run("stats", "--service", published)
    heading, first, second = done.stdout.splitlines()
    assert heading.split() == ["service", "operation", "calls/s", "errors", "p50", "p95", "p99", "calls"]
    assert first.split()[:2] == [published, "all"]
    assert second.split()[:2] == [published, "work"]
    assert "10.0 %" in second
    assert "UTC" in done.stderr


def test_stats_of_nothing_say_so(cli: Cli) -> None:
    done = cli.run("stats", "--service", "nobody")
    assert done.returncode == 0
    assert done.stdout == ""
    assert "No series matches --service nobody" in done.stderr


def test_alerts_show_the_critical_error_and_what_else_fires(cli: Cli, published: str) -> None:
    def mine() -> list[dict[str, Any]]:
        return [one for one in cli.json("alerts") if one["service"] == published and one["operation"] == "work"]

    found = eventually(mine, lambda alerts: {"critical-error", "error-rate"} <= {one["rule"] for one in alerts})
    assert {one["state"] for one in found} == {"firing"}
    shown = cli.run("alerts").stdout
    assert f"{published}/{published}/work" in shown
    assert "10.0 %" in shown
    assert all(one["alert_id"] in shown for one in found)


def test_following_alerts_gives_a_line_of_json_for_each_transition(cli: Cli) -> None:
    service = f"s{uuid.uuid4().hex[:10]}"
    process = cli.start("alerts", "--follow", "--json", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        assert "Following" in process.stderr.readline()
        error = {"type": "error", "severity": "critical", "error_type": "Gone", "message": "gone", "event_id": "e"}
        about = {"timestamp_ms": time.time_ns() // 1_000_000, "service": service, "operation": "work"}
        cli.json("publish", "-", stdin=lines({**error, **about}))
        alert: dict[str, Any] = {}
        while alert.get("service") != service:
            alert = json.loads(process.stdout.readline())
        assert alert["rule"] == "critical-error"
        assert alert["state"] == "firing"
    finally:
        process.send_signal(2)
        process.communicate()
    assert process.returncode == 130


def test_sql_writes_json_csv_and_a_table(cli: Cli, published: str) -> None:
    query = f"SELECT operation, count() AS n FROM operations WHERE service = '{published}' GROUP BY operation"
    eventually(lambda: cli.json("sql", query), lambda rows: rows == [{"operation": "work", "n": 100}])
    assert cli.run("sql", query, "--format", "csv").stdout == '"operation","n"\n"work",100\n'
    table = cli.run("sql", query).stdout.splitlines()
    assert [line.split() for line in table] == [["operation", "n"], ["work", "100"]]
    assert cli.run("sql", "-", stdin=b"SELECT 1 FORMAT TSV;").stdout == "1\n"


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("SELECT nope FROM operations", "UNKNOWN_IDENTIFIER"),
        ("SELECT FROM WHERE", "SYNTAX_ERROR"),
        ("DROP TABLE operations_log", "READONLY"),
        ("SELECT * FROM file('/etc/passwd', 'LineAsString')", "Code: "),
        ("", "no statement"),
    ],
)
def test_sql_that_fails_gives_the_servers_message_and_exit_code_1(cli: Cli, statement: str, said: str) -> None:
    done = cli.run("sql", statement)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_topics_lists_all_with_their_partitions(cli: Cli) -> None:
    found = {one["name"]: one for one in cli.json("topics")}
    assert found["events.operations"]["partitions"] == 8
    assert found["alerts.state"]["config"]["cleanup.policy"] == "compact"
    shown = cli.run("topics").stdout
    assert all(name in shown for name in found)


def test_doctor_finds_nothing_wrong_with_a_pipeline_that_runs(cli: Cli, published: str) -> None:
    eventually(lambda: stats_of(cli, published), bool)
    done = cli.run("doctor", "--json")
    found = json.loads(done.stdout)
    assert [one for one in found["checkups"] if one["state"] == "wrong"] == []
    assert done.returncode == 0
    names = [one["name"] for one in found["checkups"]]
    assert {"kafka", "topics", "lag", "clickhouse", "tables", "up"} <= set(names)


def test_the_reckoning_holds(cli: Cli, published: str) -> None:
    found = cli.json("reckon")
    assert found["holds"] is True
    assert found["whole_log"] is True
    assert found["published"] == found["in_panes"] + found["late"] + found["dead"] >= 101
    shown = cli.run("reckon").stdout
    assert shown.count("✓") == 3


def test_a_reader_that_leaves_a_pipe_early_is_no_error(cli: Cli) -> None:
    process = cli.start(
        "sql",
        "SELECT arrayJoin(range(3000000)) AS n",
        "--format",
        "csv",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == '"n"\n'
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    process.wait(60)
    assert "Traceback" not in said
