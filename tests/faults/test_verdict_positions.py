"""Commits over time: what goes back, who stands still, and how long a recovery took."""

from __future__ import annotations

import struct

import pytest

from faults.facts import Fault
from faults.verdict.check_commits import check_recovery
from faults.verdict.commit_log import CommitLog, offset_in, place_in, position_in, told_of
from faults.verdict.positions import Positions, recoveries, stuck
from pipeline.core import commit_state
from pipeline.core.source import Progress
from pipeline.core.window_config import WindowState, encode_state
from pipeline.evaluator import commit
from pipeline.settings import Settings

PLACE = ("aggregator", "events.operations", 0)
TOPICS = {"aggregator": frozenset({"events.operations"})}


def run(lags: list[int], *, rate: int = 1_000, each_ms: int = 1_000) -> Positions:
    """Samples each second of a partition that gets `rate` records a second, read up to `lags` before its end."""
    positions = Positions()
    for second, lag in enumerate(lags):
        end = 100_000 + second * rate * each_ms // 1_000
        positions.sampled(second * each_ms)
        positions.note(second * each_ms, PLACE, end - lag, end)
    return positions


def kill(began_ms: int, started_ms: int) -> Fault:
    return Fault("kill", "aggregator-1", began_ms, started_ms, started_ms, ("aggregator",))


@pytest.mark.parametrize("name", ["the committed offset", "position", "the watermark", "what was counted"])
def test_nothing_in_an_aggregators_commit_may_go_back(name: str) -> None:
    before = Progress(100, watermark_ms=50, closed_through_ms=20, operations=90, errors=1, late=2, dead=3)
    told = told_of("aggregator", 80, commit_state.encode("boot", before, None))
    commits = CommitLog(Settings())
    commits.on_commit(PLACE, told)
    commits.on_commit(PLACE, told)
    assert commits.complaints == []
    commits.on_commit(PLACE, {**told, name: (told[name] or 0) - 1})
    (complaint,) = commits.complaints
    assert complaint.startswith(f"aggregator events.operations-0: {name} went back from {told[name]} ")


def test_what_was_known_may_not_become_unknown() -> None:
    commits = CommitLog(Settings())
    commits.on_commit(PLACE, {"the watermark": None})
    commits.on_commit(PLACE, {"the watermark": 5})
    assert commits.complaints == []
    commits.on_commit(PLACE, {"the watermark": None})
    assert "went back from 5 () to None ()" in commits.complaints[0]


def text(value: str) -> bytes:
    return struct.pack(">h", len(value)) + value.encode()


KEY = struct.pack(">h", 1) + text("pipeline-lander") + text("events.operations") + struct.pack(">i", 3)


@pytest.mark.parametrize(
    "value",
    [
        struct.pack(">hq", 1, 77) + text("state") + struct.pack(">qq", 1, 2),
        struct.pack(">hqi", 3, 77, 9) + text("state") + struct.pack(">q", 1),
        struct.pack(">hqi", 4, 77, 9) + b"\x06state" + struct.pack(">q", 1) + b"\x00",
    ],
    ids=["version 1", "version 3", "version 4"],
)
def test_commits_are_read_as_the_broker_keeps_them(value: bytes) -> None:
    assert place_in(KEY) == ("pipeline-lander", "events.operations", 3)
    assert offset_in(value) == (77, "state")
    commits = CommitLog(Settings())
    commits.take(KEY, value, 0)
    commits.take(KEY, None, 0)
    commits.take(struct.pack(">h", 2) + text("pipeline-lander"), b"the group, no commit", 0)
    commits.take(KEY.replace(b"lander", b"zander"), value, 0)
    assert (commits.commits, commits.complaints) == (1, [])


def test_metadata_longer_than_a_byte_can_tell_is_read() -> None:
    length = struct.pack("BB", (301 & 0x7F) | 0x80, 301 >> 7)
    assert offset_in(struct.pack(">hqi", 4, 1, 9) + length + b"x" * 300 + b"rest") == (1, "x" * 300)


def test_what_an_evaluator_commits_is_understood() -> None:
    state = WindowState(frontier_ms=1, emitted_ms=2, watermark_ms=None, settled_offset=4, late_rounds=5)
    told = told_of("evaluator", 7, commit.encode(commit.EvaluatorCommit("boot", 9, encode_state(state))))
    assert position_in("evaluator", commit.encode(commit.EvaluatorCommit("boot", 9, encode_state(state)))) == 9
    assert "position" not in told  # it goes back with a takeover
    assert (told["the closed panes"], told["the last step"], told["the late rounds"]) == (1, 2, 5)


def test_who_has_records_to_read_and_does_not_move_is_stuck() -> None:
    positions = Positions()
    for second in range(200):
        positions.note(second * 1_000, PLACE, 50, 60)
    (found,) = stuck(positions, ())
    assert "aggregator stood still on events.operations-0 for 199 s" in found


def test_who_has_nothing_to_read_is_not_stuck() -> None:
    positions = Positions()
    for second in range(200):
        positions.note(second * 1_000, PLACE, 60, 60)
    assert stuck(positions, ()) == []


def test_standing_still_through_a_fault_is_no_finding() -> None:
    positions = Positions()
    for second in range(200):
        positions.note(second * 1_000, PLACE, 50, 60)
    assert stuck(positions, [Fault("kafka_unreachable", "kafka", 20_000, 150_000)]) == []


def test_a_recovery_ends_when_the_lag_is_small_for_good() -> None:
    lags = [500] * 60 + [3_000, 8_000, 11_000, 9_000, 5_000, 1_900, 6_000, 1_500] + [500] * 30
    (found,) = recoveries(run(lags), [kill(59_000, 60_000)], TOPICS)
    assert found.seconds == 7.0


def test_a_short_lag_at_the_start_of_a_process_is_no_recovery_yet() -> None:
    lags = [500] * 60 + [600, 900, 5_000, 9_000, 800] + [500] * 30
    (found,) = recoveries(run(lags), [kill(59_000, 60_000)], TOPICS)
    assert found.seconds == 4.0


def test_what_no_sample_shows_in_time_is_not_recovered() -> None:
    lags = [500] * 60 + [9_000] * 100
    (found,) = recoveries(run(lags), [kill(59_000, 60_000)], TOPICS)
    assert found.seconds is None
    assert not check_recovery([found], 60).passed
    assert check_recovery([found], 120).passed


def test_another_fault_cuts_a_recovery_short_and_that_is_no_failure() -> None:
    lags = [500] * 60 + [9_000] * 100
    faults = [kill(59_000, 60_000), kill(70_000, 71_000)]
    first, _ = recoveries(run(lags), faults, TOPICS)
    assert (first.seconds, first.looked_seconds) == (None, 10.0)
    assert check_recovery([first], 60).passed


def test_what_is_left_to_read_is_what_was_there_a_while_ago() -> None:
    positions = Positions()
    for second in range(20):
        positions.note(second * 1_000, PLACE, 100 + second * 10 - 30, 100 + second * 10)
    assert positions.left() == {PLACE: 0}  # three seconds behind, and reading on
    positions.note(20_000, PLACE, 200, 300)
    assert positions.left() == {PLACE: 50}


def test_a_fault_that_does_not_concern_a_role_cuts_nothing_short() -> None:
    lags = [500] * 60 + [9_000] * 20 + [500] * 30
    other = Fault("kill", "lander-1", 70_000, 71_000, 71_000, ("lander",))
    first, _ = recoveries(run(lags), [kill(59_000, 60_000), other], {**TOPICS, "lander": frozenset()})
    assert first.seconds == 20.0


def test_who_was_behind_before_a_fault_is_not_measured_by_it() -> None:
    lags = [500] * 30 + [9_000] * 130
    (found,) = recoveries(run(lags), [kill(59_000, 60_000)], TOPICS)
    assert found.was_behind
    assert check_recovery([found], 60).passed
    assert check_recovery([found], 60).figures["behind before"] == 1
