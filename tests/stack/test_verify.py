"""`pipeline verify` on a real stack: a history that is right, and one that was tampered with in every way."""

from __future__ import annotations

import json
import time

import pytest

from tests.stack.up_fixture import Cli
from tests.stack.verify_fixture import BEGIN_MS, CROWD_MS, HOUR_MS, LATE, Told, events_in, places, some_of_everything

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(900)]

IN_HOUR = f"pane_start < fromUnixTimestamp64Milli({BEGIN_MS + HOUR_MS})"
ALL = events_in(some_of_everything())


def levels(*names: str) -> list[str]:
    """The series of an operation, and what it is counted in as well."""
    return ["/".join(names[:length]) for length in range(1, len(names) + 1)]


def test_long_windows_are_the_sums_of_panes(told: Told) -> None:
    panes: dict[tuple[str, ...], dict[int, tuple[int, ...]]] = {}
    for *series, start_ms, events, calls, failures in told.ask(
        "SELECT environment, service, operation, toUnixTimestamp64Milli(pane_start), sum(events), sum(calls), "
        "sum(failures) FROM slots GROUP BY ALL"
    ):
        panes.setdefault(tuple(series), {})[start_ms] = (events, calls, failures)
    windows = told.ask(
        "SELECT environment, service, operation, toUnixTimestamp64Milli(window_start), "
        "toUnixTimestamp64Milli(step_end), events, calls, failures FROM window_stats WHERE window IN ('30m', '24h')"
    )
    assert len(windows) > 100
    for *series, first_ms, end_ms, events, calls, failures in windows:
        inside = [each for start_ms, each in panes[tuple(series)].items() if first_ms <= start_ms < end_ms]
        assert (events, calls, failures) == tuple(map(sum, zip(*inside, strict=True))) or (not inside and not events)


def test_stats_shows_a_long_window_as_the_history_has_it(told: Told) -> None:
    shown = told.cli.run("stats", "--window", "24h", "--json")
    assert shown.returncode == 0, shown.stderr
    last = told.ask(
        "SELECT environment, service, operation, calls FROM window_stats WHERE window = '24h' "
        "AND step_end = (SELECT max(step_end) FROM window_stats WHERE window = '24h') AND events > 0"
    )
    found = [(one["environment"], one["service"], one["operation"], one["calls"]) for one in json.loads(shown.stdout)]
    assert sorted(found) == sorted(last) != []


def test_what_the_stream_told_is_what_the_raw_rows_make(told: Told) -> None:
    found = told.verified()
    assert (found.differing, list(found.differences)) == ({}, [])
    assert found.counts["raw rows"] == ALL - LATE
    assert told.ask("SELECT count() FROM late_events") == [(LATE,)]
    assert found.counts["slots"] == told.ask(f"SELECT count() FROM slots WHERE {IN_HOUR}")[0][0]
    steps = f"fromUnixTimestamp64Milli({BEGIN_MS + HOUR_MS})"
    short = "window IN ('30s', '1m')"
    told_of = told.ask(f"SELECT count() FROM window_stats WHERE step_end <= {steps} AND {short}")
    assert found.counts["windows"] == told_of[0][0]
    assert found.counts["roll-ups"] == sum(
        told.ask(f"SELECT count() FROM {table} WHERE {IN_HOUR}")[0][0] for table in ("panes_1m", "panes_1h")
    )
    assert told.ask("SELECT max(length(status_code)), max(calls), max(latency_clamped) > 0 FROM slots")[0][2]


def test_a_source_that_overflowed_is_compared_too(told: Told) -> None:
    crowd = f"pane_start = fromUnixTimestamp64Milli({CROWD_MS}) AND operation = '__overflow__'"
    assert told.ask(f"SELECT sum(events) > 0 FROM slots WHERE {crowd}") == [(True,)]
    told.client.command(
        f"INSERT INTO slots_log SELECT * REPLACE (events + 1 AS events) FROM slots_log FINAL WHERE {crowd}"
    )
    found = told.verified()
    assert {one.series.operation for one in found.differences} == {"__overflow__"}
    assert {one.column for one in found.differences} == {"events"}


def test_a_raw_row_that_is_gone_is_missed_by_its_three_slots(told: Told) -> None:
    told.client.command("DELETE FROM operations_log WHERE event_id = 'o31'")  # second 31 of partition 1
    found = told.verified()
    pane_ms = BEGIN_MS + 30_000
    assert places(found.differences) == {
        ("slot", series, pane_ms, "events.operations-1") for series in levels("default", "service-1", "operation-1")
    }
    assert found.differing == {"slots": 3}
    (events,) = [one for one in found.differences if one.column == "events" and one.series.operation]
    assert int(events.found) == int(events.expected) + 1


def test_a_slot_that_is_gone_is_named(told: Told) -> None:
    where = f"pane_start = fromUnixTimestamp64Milli({BEGIN_MS}) AND source = 'events.errors-1' AND operation != ''"
    told.client.command(f"DELETE FROM slots_log WHERE {where}")
    found = told.verified()
    slots = {one for one in places(found.differences) if one[0].startswith("slot")}
    assert slots == {("slot missing", "default/service-1/operation-1", BEGIN_MS, "events.errors-1")}
    assert found.differing["slots"] == 1
    assert "windows" not in found.differing


def test_a_bucket_that_was_changed_is_named_and_nothing_else(told: Told) -> None:
    where = f"pane_start = fromUnixTimestamp64Milli({BEGIN_MS}) AND source = 'events.operations-1' AND service = ''"
    told.client.command(
        "INSERT INTO slots_log SELECT * REPLACE (arrayMap(k -> k + 1, latency_index) AS latency_index) "
        f"FROM slots_log FINAL WHERE {where} AND environment = 'default'"
    )
    found = told.verified()
    slots = [one for one in found.differences if one.what == "slot"]
    assert places(slots) == {("slot", "default", BEGIN_MS, "events.operations-1")}
    assert {one.column.split()[0] for one in slots} == {"latency"}
    assert found.differing["slots"] == 1


def test_a_forged_version_is_named_with_what_it_claims(told: Told) -> None:
    where = f"pane_start = fromUnixTimestamp64Milli({BEGIN_MS}) AND source = 'events.errors-0' AND service = ''"
    told.client.command(
        "INSERT INTO slots_log SELECT * REPLACE (version + 1000000 AS version, error_events + 7 AS error_events) "
        f"FROM slots_log FINAL WHERE {where}"
    )
    slots = [one for one in told.verified().differences if one.what == "slot"]
    assert places(slots) == {("slot", "default", BEGIN_MS, "events.errors-0")}
    assert {one.column for one in slots} == {"error_events", "version"}


def test_a_slot_that_no_row_makes_is_named(told: Told) -> None:
    told.client.command(
        "INSERT INTO slots_log SELECT * REPLACE ('nobody' AS operation) FROM (SELECT * FROM slots_log FINAL "
        f"WHERE pane_start = fromUnixTimestamp64Milli({BEGIN_MS}) AND source = 'events.operations-0' "
        "AND environment = 'default' AND service = 'service-0' AND operation = 'operation-0')"
    )
    slots = {one for one in places(told.verified().differences) if one[0].startswith("slot")}
    assert slots == {("slot without rows", "default/service-0/nobody", BEGIN_MS, "events.operations-0")}


def test_a_window_that_is_gone_and_one_that_lies_are_named(told: Told) -> None:
    step = f"step_end = fromUnixTimestamp64Milli({BEGIN_MS + 60_000}) AND environment = 'default'"
    step += " AND service = 'service-0'"
    told.client.command(f"DELETE FROM window_stats_log WHERE {step} AND operation = '' AND window = '30s'")
    told.client.command(
        "INSERT INTO window_stats_log SELECT * REPLACE (max_ms * 1.0000001 AS max_ms) FROM window_stats_log FINAL "
        f"WHERE {step} AND operation = 'operation-0' AND window = '1m'"
    )
    found = told.verified()
    assert places(found.differences) == {
        ("window missing", "default/service-0", BEGIN_MS + 60_000, "30s"),
        ("window", "default/service-0/operation-0", BEGIN_MS + 60_000, "1m"),
    }
    assert [one.column for one in found.differences if one.what == "window"] == ["max_ms"]
    assert found.differing == {"windows": 2}


def test_long_windows_are_compared_where_that_is_asked_for(told: Told) -> None:
    found = told.verified(long=True)
    assert (found.differing, list(found.differences)) == ({}, [])
    hour = f"step_end <= fromUnixTimestamp64Milli({BEGIN_MS + HOUR_MS})"
    long = told.ask(f"SELECT count() FROM window_stats WHERE {hour} AND window NOT IN ('30s', '1m')")[0][0]
    assert found.counts["long windows"] == long > 100
    assert "long windows" not in told.verified().counts

    step_ms = BEGIN_MS + 600_000
    step = f"step_end = fromUnixTimestamp64Milli({step_ms}) AND environment = 'default' AND service = 'service-0'"
    told.client.command(f"DELETE FROM window_stats_log WHERE {step} AND operation = '' AND window = '24h'")
    told.client.command(
        "INSERT INTO window_stats_log SELECT * REPLACE (max_ms * 1.01 AS max_ms) FROM window_stats_log FINAL "
        f"WHERE {step} AND operation = 'operation-0' AND window = '3d'"
    )
    # A slot that is gone says nothing against the windows that counted what was in it.
    told.client.command(
        f"DELETE FROM slots_log WHERE pane_start = fromUnixTimestamp64Milli({BEGIN_MS + 20_000}) "
        "AND service = 'service-0' AND operation = 'operation-0'"
    )
    found = told.verified(long=True)
    assert {one for one in places(found.differences) if one[0].startswith("window")} == {
        ("window missing", "default/service-0", step_ms, "24h"),
        ("window", "default/service-0/operation-0", step_ms, "3d"),
    }
    assert found.differing["long windows"] == 2

    # What was told before that is gone: windows that begin earlier may have been kept later than their panes.
    told.client.command(f"DELETE FROM window_stats_log WHERE step_end < fromUnixTimestamp64Milli({step_ms})")
    left = told.verified(long=True)
    assert left.left_out["long windows"] > 0
    assert "long windows" not in left.differing


def test_a_roll_up_that_counts_too_much_is_named(told: Told) -> None:
    told.client.command(
        "INSERT INTO panes_1m_log SELECT * REPLACE (calls + 1 AS calls, events + 1 AS events) FROM panes_1m_log FINAL "
        f"WHERE pane_start = fromUnixTimestamp64Milli({BEGIN_MS}) AND service = '' AND environment = 'default'"
    )
    found = told.verified()
    assert places(found.differences) == {("roll-up", "default", BEGIN_MS, "panes_1m")}
    assert {one.column for one in found.differences} == {"events", "calls"}


def test_slots_of_several_epochs_are_compared_each_with_their_own_rows(told: Told) -> None:
    tables = ("operations_log", "errors_log", "late_events_log", "source_marks_log", "slots_log")
    before = told.verified()
    try:
        for table in tables:
            rows = f"SELECT * FROM {table} FINAL WHERE epoch = 1"
            told.client.command(f"INSERT INTO {table} SELECT * REPLACE (2 AS epoch) FROM ({rows})")
        found = told.verified()
        assert "slots" not in found.differing
        assert found.counts["slots"] == 2 * before.counts["slots"]
        assert found.counts["raw rows"] == 2 * before.counts["raw rows"]
        told.client.command("DELETE FROM operations_log WHERE epoch = 2 AND event_id = 'o31'")
        named = {one for one in places(told.verified().differences) if one[0] == "slot"}
        assert {where for *_, where in named} == {"events.operations-1, epoch 2"}
    finally:
        for table in tables:
            told.client.command(f"DELETE FROM {table} WHERE epoch = 2")


def test_the_command_tells_in_words_and_in_json_and_by_its_exit_code(told: Told) -> None:
    span = ["--from", stamp(BEGIN_MS), "--to", stamp(BEGIN_MS + HOUR_MS)]
    done = told.cli.run("verify", *span, seconds=300)
    assert (done.returncode, "Nothing differs." in done.stderr) == (0, True), done.stderr
    told.client.command("DELETE FROM operations_log WHERE event_id = 'o31'")
    done = told.cli.run("verify", *span, "--shown", "2", "--json", seconds=300)
    facts = json.loads(done.stdout)
    assert (done.returncode, facts["differing"]) == (1, {"slots": 3})
    assert {one["column"] for one in facts["differences"]} >= {"events", "calls"}
    assert len({one["series"]["operation"] for one in facts["differences"]}) <= 2


def test_a_range_that_is_no_longer_kept_is_refused_with_what_can_be_compared(told: Told) -> None:
    done = told.cli.run("verify", "--from", "40d", "--to", "30d")
    assert done.returncode == 1
    assert "PIPELINE_SLOTS_DAYS" in done.stderr
    first = done.stderr.split("--from ")[1].split()[0]
    assert time.time() - 7 * 86_400 < time.mktime(time.strptime(first, "%Y-%m-%dT%H:%M:%S")) - time.timezone


@pytest.mark.parametrize(
    "arguments", [("--from", "1h", "--to", "2h"), ("--from", "yesterday"), ("--shown", "-1")], ids=str
)
def test_wrong_usage_is_told_as_such(told: Told, arguments: tuple[str, ...]) -> None:
    assert told.cli.run("verify", *arguments).returncode == 2


def test_a_clickhouse_or_kafka_that_is_away_is_named(told: Told) -> None:
    away = Cli(told.cli.home, {**told.cli.settings, "PIPELINE_CLICKHOUSE": "http://127.0.0.1:9"})
    done = away.run("verify")
    assert (done.returncode, "ClickHouse does not answer at http://127.0.0.1:9" in done.stderr) == (1, True)
    away = Cli(told.cli.home, {**told.cli.settings, "PIPELINE_KAFKA": "127.0.0.1:9"})
    done = away.run("verify")
    assert (done.returncode, "127.0.0.1:9" in done.stderr) == (1, True)
    assert away.run("verify", "--landed", seconds=300).returncode == 0


def stamp(at_ms: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at_ms / 1000))
