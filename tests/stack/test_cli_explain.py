"""`pipeline explain`: decisions from the evaluator to ClickHouse, told for an alert that fired and one that did not."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.cli.explain_query import read_last_change
from pipeline.cli.history import history as opened
from pipeline.core.series import Series
from pipeline.lander.contents import read_contents
from schemas import structs
from tests.contracts.history_fixture import History
from tests.contracts.kafka_records import NOW_MS, records
from tests.contracts.told_records import alert
from tests.stack.test_cli_look import eventually
from tests.stack.test_cli_publish import lines, operation
from tests.stack.up_fixture import Cli

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def published(cli: Cli) -> str:
    """A service of which `much` has 40 calls, 20 of them failed, and `little` has 5, all failed."""
    service = f"s{uuid.uuid4().hex[:10]}"
    much = [
        operation(service, number, success=number % 2 == 0, environment=service, version=f"v{number % 4}")
        for number in range(40)
    ]
    little = [
        operation(service, 100 + number, success=False, operation="little", environment=service) for number in range(5)
    ]
    broken = {"type": "error", "severity": "error", "error_type": "Broken", "service": service, "environment": service}
    now_ms = time.time_ns() // 1_000_000
    errors = [
        {
            **broken,
            "event_id": f"{service}-e{number}",
            "operation": "work",
            "timestamp_ms": now_ms,
            "message": f"n {number}",
        }
        for number in range(7)
    ]
    done = cli.run("publish", "-", stdin=lines(*much, *little, *errors))
    assert done.returncode == 0, done.stderr
    return service


def decided(cli: Cli, service: str, reason: str) -> list[dict[str, object]]:
    """What ClickHouse has of a reason for the service."""
    query = (
        "SELECT alert_id, operation, samples, min_samples, value, threshold, toUnixTimestamp64Milli(step_end) AS at "
        f"FROM alert_decisions WHERE rule = 'error-rate' AND service = '{service}' AND reason = '{reason}'"
    )
    found: list[dict[str, object]] = cli.json("sql", query)
    return found


def test_an_alert_that_fired_is_told_with_its_numbers(cli: Cli, published: str) -> None:
    (row,) = eventually(lambda: decided(cli, published, "BREACH"), bool)
    told = cli.run("explain", str(row["alert_id"]))
    assert told.returncode == 0, told.stderr
    assert "it fired: the threshold was passed. Measured: 50.0 % over 5m" in told.stdout
    assert "samples (the rule asks for 20); a breach is > 5.00 %" in told.stdout
    assert "People were to be told: it fired." in told.stdout
    facts = cli.json("explain", str(row["alert_id"]))
    assert next(one["reason"] for one in facts["decisions"]) == "BREACH"
    assert facts["story"] == told.stdout.splitlines()


def test_an_alert_shows_some_of_the_calls_that_failed(cli: Cli, published: str) -> None:
    def fired() -> list[dict[str, Any]]:
        every: list[dict[str, Any]] = cli.json("alerts", "--all")
        return [
            one for one in every if one["rule"] == "error-rate" and one["series"] == f"{published}/{published}/work"
        ]

    (alert,) = eventually(fired, bool)
    failed = {f"{published}-{number}" for number in range(1, 40, 2)}
    assert len(alert["sample_events"]) == 3
    assert {one["event_id"] for one in alert["sample_events"]} <= failed
    assert " ms, failed, version v" in alert["sample_events"][0]["message"]
    told = eventually(lambda: cli.json("explain", alert["alert_id"]), lambda found: bool(found["sample_events"]))
    assert told["sample_events"] == alert["sample_events"]
    shown = [line.split(" event ")[1].split(":")[0] for line in told["story"] if " event " in line]
    assert shown == [one["event_id"] for one in alert["sample_events"]]


def test_what_stands_out_among_the_failed_calls_is_told(cli: Cli, published: str) -> None:
    (row,) = eventually(lambda: decided(cli, published, "BREACH"), bool)
    told = eventually(
        lambda: cli.json("explain", str(row["alert_id"])), lambda found: len(found["evidence"]["causes"]) == 1
    )
    assert [(one["name"], one["value"], one["bad"], one["calls"]) for one in told["evidence"]["values"]] == [
        ("version", "v1", 10, 10),
        ("version", "v3", 10, 10),
    ]
    assert (
        "version v1 stands out: 50.0 % of the 20 failed calls in that window, and 25.0 % of all calls." in told["story"]
    )
    last = told["story"][-1]
    assert last.startswith("Broken came 7 times in that window: n ")
    assert "(new, first seen 20" in last


def test_an_alert_that_did_not_fire_is_told_with_why(cli: Cli, published: str) -> None:
    row = eventually(lambda: decided(cli, published, "MIN_SAMPLES"), bool)[0]
    assert (row["operation"], row["samples"], row["min_samples"], row["value"]) == ("little", 5, 20, 1)
    at = f"{datetime.fromtimestamp(int(str(row['at'])) / 1_000, UTC):%Y-%m-%dT%H:%M:%S}"
    about = ("--rule", "error-rate", "--series", f"{published}/{published}/little", "--at", at)
    told = eventually(lambda: cli.run("explain", *about), lambda done: "5m window" in done.stdout)
    assert f"{published}/{published}/little was inactive." in told.stdout
    assert "it did not fire: in breach, but over fewer samples than `min_samples` asks for" in told.stdout
    assert (
        "error rate 100 %, 5 samples. That is a breach of the rule as it is now: > 5.00 % (critical); there were"
        in (told.stdout)
    )


def test_a_series_that_never_was_is_told_as_unknown(cli: Cli, published: str) -> None:
    eventually(lambda: decided(cli, published, "BREACH"), bool)
    about = ("--rule", "error-rate", "--series", f"{published}/{published}/never", "--at", "1m")
    told = cli.run("explain", *about)
    assert told.returncode == 0, told.stderr
    assert "No decision about it is kept from about then." in told.stdout
    assert "is unknown up to then" in told.stdout or "The watermark had not passed that time" in told.stdout


def test_an_alert_that_never_was_is_an_error_that_says_where_to_look(cli: Cli, published: str) -> None:
    told = cli.run("explain", f"no{time.time_ns()}")
    assert told.returncode == 1
    assert "`pipeline alerts --all --json` shows each one's alert_id" in told.stderr


async def test_of_two_changes_at_one_step_the_later_one_is_the_last(history: History) -> None:
    for sequence in (2, 1):
        landing = read_contents(records("alerts", [structs.encode(alert(sequence))]), history.settings)
        await history.land(landing.rows[0])
    with opened(history.settings) as client:
        found = read_last_change(client, "error-rate", Series("prod", "checkout", "pay"), NOW_MS)
    assert found is not None
    assert found.sequence == 2
