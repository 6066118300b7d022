"""`pipeline repair` on a real stack: it brings the history back, once, whatever was done to it, and late events in."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from tests.stack.verify_fixture import BEGIN_MS, HOUR_MS, LATE, PANE_MS, Told, operation, places, publish

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(900)]

IN_HOUR = f"pane_start < fromUnixTimestamp64Milli({BEGIN_MS + HOUR_MS})"
CONTENT = """
SELECT pane_start, environment, service, operation, source, epoch, events, calls, failures, error_events,
    latency_sum_us, latency_min_us, latency_max_us, latency_index, latency_count, status_code, status_count
FROM slots WHERE events + error_events > 0 ORDER BY ALL
"""

ROLL_UPS = {"panes_1m", "panes_1h"}
ROLLED = " UNION ALL ".join(
    f"SELECT '{table}', pane_start, environment, service, operation, events, calls FROM {table} WHERE {IN_HOUR}"
    for table in sorted(ROLL_UPS)
)
ROLLED = f"SELECT * FROM ({ROLLED}) WHERE events > 0 ORDER BY ALL"
"""Of the hour: the lander rolls up others while a test runs, the one after it and the one that it is."""


def repaired_to_the_end(told: Told) -> None:
    """Repair, and hold that the history is right then and that a second repair finds nothing to do."""
    told.repaired()
    assert told.repaired().differing == {}
    found = told.verified()
    assert (found.differing, found.left_out["hours of roll-ups"]) == ({}, 0)


def test_late_events_get_into_the_history_and_verify_knows_them(told: Told) -> None:
    would = told.repaired(dry_run=True)
    assert would.differing["late events counted"] == LATE
    assert told.ask("SELECT max(repaired) FROM slots") == [(0,)]
    counted = told.ask(f"SELECT sum(events) FROM slots WHERE service = '' AND {IN_HOUR}")[0][0]
    reckoned = told.ask("SELECT epoch, source, difference FROM reckoning ORDER BY ALL")
    changed = told.repaired()
    assert {name: changed.differing[name] for name in would.differing if name != "roll-ups made anew"} == {
        name: would.differing[name] for name in would.differing if name != "roll-ups made anew"
    }
    assert told.ask(f"SELECT sum(events), sum(late) FROM slots WHERE service = '' AND {IN_HOUR}") == [
        (counted + LATE, LATE)
    ]
    assert told.ask(f"SELECT sum(events) FROM panes_1h WHERE service = '' AND {IN_HOUR}") == [(counted + LATE,)]
    assert told.ask("SELECT epoch, source, difference FROM reckoning ORDER BY ALL") == reckoned
    repaired_to_the_end(told)


def pane(number: int) -> str:
    """The condition for a pane of the hour; each of what is tampered with lies in one of its own."""
    at_ms = BEGIN_MS + number * PANE_MS
    return f"pane_start = fromUnixTimestamp64Milli({at_ms}) AND environment = 'default'"


def changed(table: str, replacement: str, where: str) -> str:
    return f"INSERT INTO {table} SELECT * REPLACE ({replacement}) FROM {table} FINAL WHERE {where}"


GREATER, MORE = "version + 1000000 AS version", "calls + 5 AS calls"
TAMPERS = {
    "gone": f"DELETE FROM slots_log WHERE {pane(0)}",
    "bucket": changed("slots_log", "arrayMap(n -> n + 1, latency_count) AS latency_count", pane(1)),
    "forged version": changed("slots_log", f"{GREATER}, {MORE}", pane(2)),
    "nobody's": changed("slots_log", "'nobody' AS operation", f"{pane(3)} AND operation != ''"),
    "forged repair": changed("slots_log", f"7 AS repaired, {MORE}", pane(4)),
    "minutes": f"DELETE FROM panes_1m_log WHERE {pane(6)}",
    "hours": changed("panes_1h_log", "events + 5 AS events", pane(0)),
}
NOTICED = {("slot missing", 0), ("slot", 1), ("slot", 2), ("slot without rows", 3), ("slot", 4)}


def test_what_was_tampered_with_is_as_it_was(told: Told) -> None:
    told.repaired()
    before, rolled = told.ask(CONTENT), told.ask(ROLLED)
    for tamper in TAMPERS.values():
        told.client.command(tamper)
    found = told.verified()
    named = {(what, (at_ms - BEGIN_MS) // PANE_MS) for what, _, at_ms, _ in places(found.differences)}
    assert {(what, at) for what, at in named if what.startswith("slot")} == NOTICED
    assert {where for what, *_, where in places(found.differences) if what.startswith("roll-up")} == ROLL_UPS
    repaired_to_the_end(told)
    assert told.ask(CONTENT) == before
    assert set(told.ask(ROLLED)) ^ set(rolled) == set()


def test_raw_rows_decide_where_they_are_fewer_and_only_what_was_told_of_windows_stays(told: Told) -> None:
    told.client.command("DELETE FROM operations_log WHERE event_id = 'o31'")
    assert told.verified().differing == {"slots": 3}
    told.repaired()
    assert set(told.repaired().differing) == set()
    assert set(told.verified().differing) == {"windows"}


def test_an_old_snapshot_that_lands_again_changes_nothing(told: Told) -> None:
    told.client.command("CREATE OR REPLACE TABLE landed_before ENGINE = Memory AS SELECT * FROM slots_log FINAL")
    told.repaired()
    repaired = told.ask(CONTENT)
    told.client.command("INSERT INTO slots_log SELECT * FROM landed_before")
    told.client.command("DROP TABLE landed_before SYNC")
    told.client.command("OPTIMIZE TABLE slots_log FINAL")
    assert told.ask(CONTENT) == repaired


def test_a_repair_that_is_killed_is_finished_by_the_next(told: Told) -> None:
    told.client.command("INSERT INTO slots_log SELECT * REPLACE (calls + 1 AS calls) FROM slots_log FINAL")
    repairing = told.cli.start("repair", *span())
    deadline = time.monotonic() + 120
    while not told.ask("SELECT count() FROM slots WHERE repaired > 0")[0][0] and repairing.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    repairing.kill()
    repairing.wait()
    repaired_to_the_end(told)


def test_an_event_that_is_late_for_a_repaired_pane_waits_for_the_next_repair(told: Told) -> None:
    told.repaired()
    rows = told.verified().counts["raw rows"]
    late = operation(5_000, BEGIN_MS + 500)
    asyncio.run(publish(told.kafka, [("events.operations", 0, late)]))
    wait_for_late(told, LATE + 1)
    found = told.verified()
    assert (found.differing, found.counts["raw rows"]) == ({}, rows)
    assert told.repaired().differing["late events counted"] == 2  # of this pane: the one of before, and this one
    assert told.verified().counts["raw rows"] == rows + 1
    told.client.command(
        "DELETE FROM late_events_log WHERE offset = (SELECT max(offset) FROM operations_log WHERE event_id = 'o5000')"
    )
    told.client.command("DELETE FROM operations_log WHERE event_id = 'o5000'")


def test_a_pane_that_is_open_is_left_alone(told: Told) -> None:
    now_ms = time.time_ns() // 1_000_000
    event = operation(6_000, now_ms)
    asyncio.run(publish(told.kafka, [("events.operations", 1, event)]))
    deadline = time.monotonic() + 60
    while not told.ask(f"SELECT count() FROM operations WHERE timestamp = fromUnixTimestamp64Milli({now_ms})")[0][0]:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    done = told.cli.run("repair", "--from", "2m", "--json", seconds=300)
    facts = json.loads(done.stdout)
    assert (facts["differing"], done.returncode) == ({}, 0)


def test_the_command_says_what_it_changed(told: Told) -> None:
    told.client.command(f"DELETE FROM slots_log WHERE {pane(0)} AND operation != ''")
    done = told.cli.run("repair", *span(), "--dry-run", seconds=300)
    assert "Would change:" in done.stderr
    assert "slots made" in done.stderr
    assert "slot missing" in done.stdout
    done = told.cli.run("repair", *span(), "--json", seconds=300)
    assert json.loads(done.stdout)["differing"]["slots made"] > 0
    assert "Nothing to repair." in told.cli.run("repair", *span(), seconds=300).stderr
    assert not places(told.verified().differences)


def wait_for_late(told: Told, late: int) -> None:
    deadline = time.monotonic() + 120
    while told.ask("SELECT count() FROM late_events") != [(late,)]:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    while told.ask("SELECT sum(late) FROM source_marks") != [(late,)]:
        assert time.monotonic() < deadline
        time.sleep(0.5)


def span() -> list[str]:
    first, end = (
        time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at_ms / 1000)) for at_ms in (BEGIN_MS, BEGIN_MS + HOUR_MS)
    )
    return ["--from", first, "--to", end]
