"""The window engine: which steps come due, and what is shown at each."""

import pytest

from pipeline.core.series import OVERFLOW, Series
from tests.core.window_shell import OTHER, PAY, REFUND, SOURCE, Shell, calls, ends, many

DAY_MS = 86_400_000


def test_a_step_is_due_when_the_watermark_has_passed_it() -> None:
    shell = Shell()
    shell.snapshot(0, PAY)
    shell.mark(9_999)
    assert shell.emit() == []
    shell.mark(10_000)
    (view,) = shell.emit()
    assert (view.end_ms, view.status, view.revision, view.watermark_ms) == (10_000, "on_time", 0, 10_000)
    assert calls(view) == {"pay": 1}
    assert view.window("20s").start_ms == -10_000
    assert shell.emit() == []


def test_a_pane_goes_from_window_to_window_and_its_zero_row_is_told_once() -> None:
    shell = Shell()
    shell.snapshot(0, PAY)
    shell.mark(70_000, idle=True)
    *views, last = shell.emit()
    assert ends(views) == [10_000, 20_000, 30_000, 40_000]
    assert [calls(view, "20s") for view in views] == [{"pay": 1}, {"pay": 1}, {"pay": 0}, {"pay": 0}]
    assert [calls(view, "30s") for view in views] == [{"pay": 1}, {"pay": 1}, {"pay": 1}, {"pay": 0}]
    assert (last.end_ms, last.series) == (70_000, [])
    assert shell.engine.commit_state().emitted_ms == 70_000


def test_while_all_is_silent_the_last_step_due_is_looked_at() -> None:
    shell = Shell()
    shell.snapshot(0, PAY)
    shell.mark(50_000)
    shell.emit()
    shell.mark(60_000, idle=True)
    assert ends(shell.emit()) == [60_000]
    shell.mark(10**9, idle=True)
    (view,) = shell.emit()
    assert (view.end_ms, view.series, dict(view.seen)) == (10**9, [], {})
    shell.mark(10**9 + 9_999, idle=True)
    assert shell.emit() == []


def test_large_empty_spans_are_jumped_over() -> None:
    shell = Shell()
    shell.snapshot(0, PAY)
    shell.snapshot(10**9, PAY)
    shell.mark(10**9 + 10_000)
    assert ends(shell.emit()) == [10_000, 20_000, 30_000, 40_000, 10**9 + 10_000]


def test_a_series_that_left_is_remembered_for_a_day() -> None:
    shell = Shell()
    shell.snapshot(0, PAY)
    shell.snapshot(40_000, REFUND)
    shell.mark(60_000)
    *_, last = shell.emit()
    assert last.series == [REFUND]
    assert dict(last.seen) == {PAY: 10_000}
    shell.snapshot(60_000, PAY)
    early = shell.engine.view(70_000, "early")
    assert dict(early.seen) == {}
    shell.mark(DAY_MS + 20_000)
    shell.emit()
    shell.snapshot(DAY_MS + 20_000, PAY)
    shell.mark(DAY_MS + 30_000)
    (view,) = shell.emit()
    assert dict(view.seen) == {REFUND: 50_000}


def test_the_last_event_of_a_series_is_told() -> None:
    shell = Shell()
    shell.snapshot(0, PAY, REFUND)
    shell.snapshot(10_000, PAY)
    shell.snapshot(20_000, REFUND)
    shell.mark(20_000)
    *_, view = shell.emit()
    assert dict(zip(view.series, view.last_event_ms.tolist(), strict=True)) == {PAY: 20_000, REFUND: 10_000}
    early = shell.engine.view(30_000, "early")
    assert dict(zip(early.series, early.last_event_ms.tolist(), strict=True)) == {PAY: 20_000, REFUND: 30_000}


def test_what_changed_is_told_once_per_status() -> None:
    shell = Shell()
    shell.snapshot(0, PAY, REFUND)
    shell.mark(10_000)
    (view,) = shell.emit()
    assert view.changed.tolist() == [True, True]
    shell.snapshot(10_000, PAY)
    first, second = shell.engine.view(20_000, "early"), shell.engine.view(20_000, "early")
    assert dict(zip(first.series, first.changed.tolist(), strict=True)) == {PAY: True, REFUND: True}
    assert second.changed.tolist() == [False, False]
    shell.mark(20_000)
    (view,) = shell.emit()
    assert dict(zip(view.series, view.changed.tolist(), strict=True)) == {PAY: True, REFUND: False}


def test_a_change_beyond_the_end_of_a_view_is_kept_for_the_view_that_reaches_it() -> None:
    """Snapshots come before the marks that move the early end on: just after a pane's edge the view ends before them."""
    shell = Shell()
    shell.snapshot(0, PAY)
    shell.mark(10_000)
    shell.emit()
    shell.snapshot(20_000, PAY)
    shell.engine.view(20_000, "early")
    reaching = shell.engine.view(30_000, "early")
    assert dict(zip(reaching.series, reaching.changed.tolist(), strict=True))[PAY]
    assert not shell.engine.view(30_000, "early").changed.any()


def test_an_early_view_shows_open_panes_and_leaves_no_trace() -> None:
    shell = Shell()
    shell.snapshot(0, PAY)
    shell.mark(10_000)
    shell.emit()
    shell.snapshot(10_000, PAY, PAY)
    assert shell.engine.early_end() == 20_000
    assert calls(shell.engine.view(20_000, "early")) == {"pay": 3}
    assert calls(shell.engine.view(40_000, "early")) == {"pay": 2}
    shell.mark(20_000)
    (view,) = shell.emit()
    assert calls(view) == {"pay": 3}


def test_there_is_nothing_to_look_at_early_before_the_first_step_or_far_behind() -> None:
    shell = Shell(SOURCE, OTHER)
    assert shell.engine.early_end() is None
    shell.snapshot(0, PAY)
    shell.mark(10_000)
    shell.mark(10_000, source=OTHER)
    shell.emit()
    assert shell.engine.early_end() == 20_000
    shell.mark(18_000)
    assert shell.engine.early_end() == 30_000
    shell.mark(90_000)
    assert shell.engine.early_end() is None
    with pytest.raises(ValueError, match="no step ends at 12"):
        shell.engine.view(12, "early")


def test_a_window_first_asked_for_after_more_was_taken_in_is_refused() -> None:
    shell = Shell()
    shell.snapshot(0, PAY)
    shell.mark(10_000)
    (view,) = shell.emit()
    fresh = shell.engine.view(20_000, "early")
    shell.snapshot(10_000, PAY)
    assert calls(view) == {"pay": 1}
    with pytest.raises(RuntimeError, match="moved on"):
        fresh.window("20s")


def test_an_unsafe_step_is_refused() -> None:
    shell = Shell()
    with pytest.raises(ValueError, match="nothing has come yet"):
        shell.engine.view(10_000, "on_time")
    shell.snapshot(0, PAY)
    shell.mark(20_000)
    shell.emit()
    with pytest.raises(ValueError, match="on time before"):
        shell.engine.view(10_000, "on_time")


def test_a_due_step_that_is_not_emitted_stays_due() -> None:
    shell = Shell()
    shell.snapshot(0, PAY)
    shell.mark(20_000)
    assert list(shell.engine.due_steps()) == [10_000]
    assert ends(shell.emit()) == [10_000, 20_000]


def test_late_events_correct_every_step_they_belong_to_and_only_their_series() -> None:
    shell = Shell()
    shell.snapshot(0, PAY)
    shell.snapshot(10_000, PAY, REFUND)
    shell.mark(20_000)
    shell.emit()
    shell.snapshot(10_000, PAY, REFUND, REFUND)
    shell.snapshot(0, PAY, PAY)
    shell.mark(29_000)
    assert shell.emit() == []
    shell.mark(30_000)
    on_time, first, second = shell.emit()
    assert calls(on_time) == {"pay": 3, "refund": 2}
    assert (first.end_ms, first.status, first.revision, calls(first)) == (10_000, "late", 1, {"pay": 2})
    assert (second.end_ms, second.revision, calls(second)) == (20_000, 1, {"pay": 3, "refund": 2})


def test_a_later_correction_has_a_greater_revision() -> None:
    shell = Shell()
    shell.snapshot(0, PAY)
    shell.mark(10_000)
    shell.emit()
    revisions = []
    for round_ in (2, 3):
        shell.snapshot(0, *[PAY] * round_)
        shell.mark(round_ * 10_000)
        revisions += [(view.end_ms, view.revision, calls(view)["pay"]) for view in shell.emit() if view.revision]
    assert revisions == [(10_000, 1, 2), (10_000, 2, 3), (20_000, 2, 3)]


def test_an_old_snapshot_is_no_correction() -> None:
    shell = Shell()
    shell.snapshot(0, PAY, PAY, version=9)
    shell.mark(10_000)
    shell.emit()
    shell.snapshot(0, PAY, version=8)
    shell.snapshot(0, PAY, PAY, version=9)
    shell.mark(20_000)
    assert [(view.status, calls(view)) for view in shell.emit()] == [("on_time", {"pay": 2})]


def test_series_beyond_the_cap_are_counted_together_and_say_which_shard() -> None:
    shell = Shell(limit=2)
    shell.snapshot(0, *many(4), Series("prod", "shop", ""))
    shell.mark(10_000, 10_000)
    (view,) = shell.emit()
    assert calls(view) == {"": 1, "op000": 1, "op001": 1, OVERFLOW: 2}
    assert view.series[1].dimensions == "shard=0"
    shell.commit()
    (pane,) = shell.close()
    assert pane.block.series == view.series
    shell.mark(20_000, 10_000)
    (view,) = shell.emit()
    assert calls(view) == {"": 1, "op000": 1, "op001": 1, OVERFLOW: 2}


def test_a_late_series_takes_the_place_that_its_name_gives_it() -> None:
    shell = Shell(limit=1)
    shell.snapshot(0, REFUND)
    shell.mark(10_000)
    shell.emit()
    shell.snapshot(0, REFUND, PAY)
    shell.mark(20_000)
    on_time, late = shell.emit()
    assert calls(late) == {"pay": 1, "refund": 0, OVERFLOW: 1}
    assert {name: count for name, count in calls(on_time).items() if count} == {"pay": 1, OVERFLOW: 1}
