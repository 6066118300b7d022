"""How far event time has come: who holds it back, who is released, and when panes may be closed."""

import pytest

from pipeline.core.frontier import Frontier
from pipeline.core.records import Mark, Marks

LAG_MS = 300_000


def mark(
    source: str,
    watermark_ms: int | None,
    *,
    closed_ms: int | None = None,
    position: int = 1,
    idle: bool = False,
    epoch: int = 1,
) -> Mark:
    return Mark(epoch, source, position, watermark_ms, closed_ms, idle, 0, 0, 0, 0)


def told(frontier: Frontier, *marks: Mark, offset: int = 0, told_ms: int = 0) -> None:
    frontier.on_marks(Marks("worker", told_ms, list(marks)), offset)


@pytest.fixture
def frontier() -> Frontier:
    made = Frontier(close_grace_ms=2_000, idle_lag_release_ms=LAG_MS)
    made.set_sources({"a", "b"})
    return made


def test_a_source_never_heard_of_holds_everything_back(frontier: Frontier) -> None:
    told(frontier, mark("a", 50_000, closed_ms=10_000))
    assert frontier.watermark_ms is None
    assert frontier.closable_ms(10**9) is None


def test_without_knowing_the_sources_nothing_moves() -> None:
    frontier = Frontier(close_grace_ms=0, idle_lag_release_ms=LAG_MS)
    assert frontier.watermark_ms is None
    assert frontier.greatest_ms is None
    assert frontier.completeness(0) is None


def test_the_watermark_is_the_least_of_all_sources(frontier: Frontier) -> None:
    told(frontier, mark("a", 50_000), mark("b", 20_000))
    assert (frontier.watermark_ms, frontier.greatest_ms) == (20_000, 50_000)


def test_an_idle_source_counts_by_its_own_watermark(frontier: Frontier) -> None:
    told(frontier, mark("a", 50_000), mark("b", 20_000, idle=True))
    assert frontier.watermark_ms == 20_000
    told(frontier, mark("b", 49_000, idle=True))
    assert frontier.watermark_ms == 49_000


def test_a_source_never_used_is_released_once_it_is_idle(frontier: Frontier) -> None:
    told(frontier, mark("a", 50_000), mark("b", None))
    assert frontier.watermark_ms is None
    told(frontier, mark("b", None, idle=True))
    assert frontier.watermark_ms == 50_000


def test_while_no_source_was_ever_used_there_is_no_watermark(frontier: Frontier) -> None:
    told(frontier, mark("a", None, idle=True), mark("b", None, idle=True))
    assert frontier.watermark_ms is None
    assert frontier.closable_ms(0) is None


def test_an_idle_source_too_far_behind_is_released(frontier: Frontier) -> None:
    told(frontier, mark("a", LAG_MS + 1_001), mark("b", 1_000, idle=True))
    assert frontier.watermark_ms == LAG_MS + 1_001


def test_an_idle_source_at_the_limit_still_holds(frontier: Frontier) -> None:
    told(frontier, mark("a", LAG_MS + 1_000), mark("b", 1_000, idle=True))
    assert frontier.watermark_ms == 1_000


def test_the_same_rule_holds_when_all_sources_are_idle(frontier: Frontier) -> None:
    told(frontier, mark("a", LAG_MS + 9_000, idle=True), mark("b", 1_000, idle=True))
    assert frontier.watermark_ms == LAG_MS + 9_000


def test_a_source_that_works_is_never_released_however_far_behind(frontier: Frontier) -> None:
    told(frontier, mark("a", 10 * LAG_MS), mark("b", 1_000))
    assert frontier.watermark_ms == 1_000


def test_the_watermark_never_goes_back(frontier: Frontier) -> None:
    told(frontier, mark("a", 50_000), mark("b", None, idle=True))
    told(frontier, mark("b", 3_000, position=2))
    assert frontier.watermark_ms == 50_000
    frontier.set_sources({"a", "b", "c"})
    assert frontier.watermark_ms == 50_000


def test_an_older_mark_changes_nothing(frontier: Frontier) -> None:
    told(frontier, mark("a", 50_000, position=9), mark("b", 50_000))
    told(frontier, mark("a", 70_000, position=8))
    told(frontier, mark("b", 70_000))
    assert frontier.watermark_ms == 50_000


def test_of_marks_at_one_position_the_greater_closed_through_holds_and_then_the_last(frontier: Frontier) -> None:
    told(frontier, mark("a", 50_000, closed_ms=20_000), mark("b", 90_000))
    told(frontier, mark("a", 60_000, closed_ms=10_000))
    assert frontier.watermark_ms == 50_000
    told(frontier, mark("a", 61_000, closed_ms=20_000, idle=True))
    assert frontier.watermark_ms == 61_000


def test_a_new_epoch_starts_at_offset_0_and_still_counts(frontier: Frontier) -> None:
    told(frontier, mark("a", 50_000, position=900), mark("b", 90_000))
    told(frontier, mark("a", 80_000, position=1, epoch=2))
    assert frontier.watermark_ms == 80_000


def test_sources_that_are_gone_are_forgotten(frontier: Frontier) -> None:
    told(frontier, mark("a", 50_000), mark("b", 10_000))
    frontier.set_sources({"a"})
    assert frontier.watermark_ms == 50_000
    assert frontier.held_back_offset() == 0


def test_panes_close_only_after_the_grace(frontier: Frontier) -> None:
    told(frontier, mark("a", 50_000, closed_ms=20_000), mark("b", 50_000, closed_ms=10_000))
    assert [frontier.closable_ms(now) for now in (0, 1_999, 2_000)] == [None, None, 10_000]


def test_a_source_that_wakes_up_within_the_grace_is_heard(frontier: Frontier) -> None:
    told(frontier, mark("a", 50_000, closed_ms=20_000), mark("b", None, idle=True))
    assert frontier.closable_ms(0) is None
    told(frontier, mark("b", 34_000, closed_ms=0, position=2))
    assert frontier.closable_ms(2_000) == 0


def test_a_source_that_wakes_up_without_anything_closed_stops_closing(frontier: Frontier) -> None:
    told(frontier, mark("a", 50_000, closed_ms=20_000), mark("b", None, idle=True))
    assert frontier.closable_ms(0) is None
    told(frontier, mark("b", 34_000, position=2))
    assert frontier.closable_ms(2_000) is None
    told(frontier, mark("b", 54_000, closed_ms=20_000, position=3))
    assert [frontier.closable_ms(now) for now in (3_000, 4_999, 5_000)] == [None, None, 20_000]


def test_what_may_be_closed_never_goes_back(frontier: Frontier) -> None:
    told(frontier, mark("a", 50_000, closed_ms=20_000), mark("b", None, idle=True))
    frontier.closable_ms(0)
    assert frontier.closable_ms(2_000) == 20_000
    told(frontier, mark("b", 34_000, closed_ms=0, position=2))
    assert [frontier.closable_ms(now) for now in (3_000, 6_000)] == [20_000, 20_000]


def test_each_advance_waits_for_its_own_grace(frontier: Frontier) -> None:
    told(frontier, mark("a", 50_000, closed_ms=10_000), mark("b", 50_000, closed_ms=10_000))
    frontier.closable_ms(0)
    told(frontier, mark("a", 60_000, closed_ms=20_000), mark("b", 60_000, closed_ms=20_000))
    assert frontier.closable_ms(2_000) == 10_000
    assert [frontier.closable_ms(now) for now in (3_999, 4_000)] == [10_000, 20_000]


def test_a_restart_goes_on_where_it_stood(frontier: Frontier) -> None:
    frontier.restore(70_000, 30_000)
    told(frontier, mark("a", 50_000, closed_ms=10_000), mark("b", 50_000, closed_ms=10_000))
    assert frontier.watermark_ms == 70_000
    assert [frontier.closable_ms(now) for now in (0, 5_000)] == [30_000, 30_000]


def test_the_marks_that_hold_are_held_back_for_a_restart(frontier: Frontier) -> None:
    assert frontier.held_back_offset() is None
    told(frontier, mark("a", 50_000), mark("b", 50_000), offset=7)
    told(frontier, mark("a", 51_000, position=2), offset=9)
    assert frontier.held_back_offset() == 7


def test_completeness_is_the_share_of_used_sources_that_have_passed(frontier: Frontier) -> None:
    told(frontier, mark("a", 50_000), mark("b", 40_000), mark("c", None, idle=True))
    assert frontier.completeness(40_000) == 1
    assert frontier.completeness(50_000) == 0.5


def test_an_idle_source_that_stands_in_the_past_takes_nothing_from_completeness(frontier: Frontier) -> None:
    for second in range(0, 600, 5):
        told(frontier, mark("b", 1_000 + second * 1_000, idle=True), told_ms=second * 1_000)
        told(frontier, mark("a", 10**9 + second * 1_000), told_ms=second * 1_000)
        assert frontier.completeness(10**9) == 1


def test_a_released_source_that_nobody_tells_of_any_more_is_missing(frontier: Frontier) -> None:
    """Its owner has died, and nobody has taken over: what it holds is not read."""
    told(frontier, mark("b", 1_000, idle=True), told_ms=1_000)
    told(frontier, mark("a", LAG_MS + 1_001), told_ms=LAG_MS)
    assert frontier.watermark_ms == LAG_MS + 1_001
    assert frontier.completeness(LAG_MS) == 0.5
    told(frontier, mark("b", 2_000, idle=True), told_ms=LAG_MS + 500)
    told(frontier, mark("a", LAG_MS + 9_000), told_ms=LAG_MS + 500)
    assert frontier.completeness(LAG_MS) == 1
    told(frontier, mark("a", LAG_MS + 70_000), told_ms=LAG_MS + 60_500)
    assert frontier.completeness(LAG_MS) == 1
    told(frontier, mark("a", LAG_MS + 70_000), told_ms=LAG_MS + 60_501)
    assert frontier.completeness(LAG_MS) == 0.5


def test_a_source_that_has_work_to_do_is_missing_however_lately_it_was_told_of(frontier: Frontier) -> None:
    told(frontier, mark("a", 10 * LAG_MS), mark("b", 1_000))
    assert frontier.completeness(LAG_MS) == 0.5


def test_what_is_missing_is_the_same_after_a_restart_that_reads_the_last_marks_again(frontier: Frontier) -> None:
    def read(into: Frontier) -> None:
        told(into, mark("b", 1_000, idle=True), told_ms=1_000, offset=1)
        told(into, mark("a", LAG_MS + 1_001), told_ms=LAG_MS, offset=2)

    read(frontier)
    restarted = Frontier(close_grace_ms=2_000, idle_lag_release_ms=LAG_MS)
    restarted.set_sources({"a", "b"})
    restarted.restore(frontier.watermark_ms, None)
    read(restarted)
    assert restarted.completeness(LAG_MS) == frontier.completeness(LAG_MS) == 0.5
