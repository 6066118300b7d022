"""A worker stops where nearly everything is refused: at the same event for any batching and any restart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.aggregator.flood import flood_message
from pipeline.aggregator.intake import Intake
from pipeline.core import dead_limit
from pipeline.core.columns import SeriesTable
from pipeline.core.dead_limit import BLOCK, DeadLimits, DeadRun, Flood, Verdict
from pipeline.settings import Settings
from tests.core.test_replay import ERRORS, Record, critical

LIMITS = DeadLimits(ratio=0.99, in_a_row=10_000)
OFF = DeadLimits(ratio=0, in_a_row=0)


def verdicts(fates: Iterable[bool], first: int = 0) -> list[Verdict]:
    """An event a record: True is a good one."""
    return [
        Verdict(offset) if good else Verdict(offset, "not_json", f"number {offset}")
        for offset, good in enumerate(fates, first)
    ]


def step(run: DeadRun, fates: list[bool], first: int, limits: DeadLimits) -> tuple[DeadRun, Flood | None]:
    """One batch, as the aggregator takes it."""
    if all(fates):
        return run.after_good(len(fates)).without(limits), None
    return run.after(verdicts(fates, first), limits)


def test_so_many_refused_in_a_row_are_a_flood_and_one_less_is_none() -> None:
    run, flood = step(DeadRun(), [True, *[False] * 9_999], 0, LIMITS)
    assert (flood, run.in_a_row, run.first) == (None, 9_999, 1)
    _, flood = step(run, [True, False], 10_000, LIMITS)
    assert flood is None
    _, flood = step(run, [False, True], 10_000, LIMITS)
    assert flood == Flood(Verdict(10_000, "not_json", "number 10000"), 1, 10_000, 10_000, in_a_row=True)


def test_a_few_good_ones_in_between_do_not_hide_a_flood() -> None:
    run, flood, offset = DeadRun(), None, 0
    while flood is None and offset < 3 * BLOCK:
        run, flood = step(run, [True, *[False] * 199], offset, LIMITS)
        offset += 200
    assert flood is not None
    assert (flood.in_a_row, flood.last.offset) == (False, BLOCK - 1)
    assert (flood.dead, flood.events) == (BLOCK * 199 // 200, BLOCK)


def test_one_good_event_in_fifty_is_no_flood() -> None:
    run, offset = DeadRun(), 0
    for offset in range(0, 5 * BLOCK, 1_000):
        run, flood = step(run, [True, *[False] * 49] * 20, offset, LIMITS)
        assert flood is None


def test_a_bad_hour_long_ago_is_forgotten() -> None:
    run, flood = step(DeadRun(), ([False] * 9_000 + [True]) * 2, 0, LIMITS)
    assert flood is None
    run, _ = step(run, [True] * 2 * BLOCK, 0, LIMITS)
    assert (run.dead, run.dead_before, run.events_before) == (0, 0, BLOCK)


def test_what_is_switched_off_stops_nothing_and_is_not_counted() -> None:
    run, flood = step(DeadRun(), [False] * 3 * BLOCK, 0, OFF)
    assert (run, flood) == (DeadRun(), None)
    assert step(run, [False] * 9_999, 3 * BLOCK, LIMITS)[1] is None
    only_ratio = DeadLimits(0.99, 0)
    run, flood = step(DeadRun(), [False] * BLOCK, 0, only_ratio)
    assert flood is not None
    assert (flood.in_a_row, flood.events) == (False, BLOCK)


def cut(fates: list[bool], lengths: Iterator[int]) -> Iterator[tuple[int, list[bool]]]:
    """Cut a log into batches of these lengths."""
    at = 0
    while at < len(fates):
        length = next(lengths)
        yield at, fates[at : at + length]
        at += length


LOGS = st.lists(st.tuples(st.booleans(), st.integers(1, 30)), max_size=30).map(
    lambda runs: [good for good, length in runs for _ in range(length)]
)


@given(log=LOGS, length=st.integers(1, 40), ratio=st.sampled_from([0, 0.5, 0.9, 1]), in_a_row=st.integers(0, 50))
def test_any_batching_stops_at_the_same_event_and_a_restart_stops_there_again(
    log: list[bool], length: int, ratio: float, in_a_row: int
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(dead_limit, "BLOCK", 40)
        limits = DeadLimits(ratio, in_a_row)
        whole_run, whole = step(DeadRun(), log, 0, limits)
        run, flood = DeadRun(), None
        for at, fates in cut(log, iter(lambda: length, None)):
            before = run
            run, flood = step(run, fates, at, limits)
            if flood is not None:
                # Nothing of this batch is committed: a restart begins with the run before it, with other batches.
                restarted = before
                for again, one in cut(log[at:], iter(lambda: 1, None)):
                    restarted, flood = step(restarted, one, at + again, limits)
                    if flood is not None:
                        break
                break
        assert flood == whole
        if whole is None:
            assert run == whole_run


def test_the_intake_tells_the_fate_of_every_event_in_log_order() -> None:
    intake, table = Intake(Settings(), SeriesTable()), critical(0)
    array = b"[" + b",".join([table, b'{"type": "error"}', critical(-60_000), table]) + b"]"
    taken = intake.take(ERRORS, [Record(table, 7), Record(array, 8), Record(b"no", 9), Record(table, 10)], 8)
    assert [(one.offset, one.reason) for one in taken.verdicts] == [
        (8, None),
        (8, "missing_field"),
        (8, "future_timestamp"),
        (8, None),
        (9, "not_json"),
        (10, None),
    ]
    assert taken.good == 3
    fine = intake.take(ERRORS, [Record(table, 7), Record(b"no", 8), Record(table, 9)], 9)
    assert (fine.good, fine.verdicts) == (1, [])


def test_the_message_says_where_why_and_what_to_do() -> None:
    batch = [*verdicts([False] * 4, 96), Verdict(100, "wrong_type", "duration_ms must be a number")]
    flood = Flood(batch[-1], 1, 100, 100, in_a_row=True)
    told = flood_message("events.operations-3", flood, batch)
    for part in (
        "events.operations-3",
        "100 events in a row were refused, offsets 1 to 100",
        "most often as not_json",
        "duration_ms must be a number",
        "pipeline dead list",
        "PIPELINE_DEAD_CONSECUTIVE=0",
    ):
        assert part in told
