"""The window engine: which steps come due, what is shown, when panes close, and how a restart goes on."""

import pytest

from pipeline.core.block import COLUMN, pack
from pipeline.core.closed_pane import ClosedKey, ClosedPane
from pipeline.core.records import Mark, Marks, Snapshot
from pipeline.core.series import OVERFLOW, Series
from pipeline.core.step_view import Status, StepView
from pipeline.core.window_config import WindowConfig, WindowState, decode_state, encode_state, series_limit
from pipeline.core.window_engine import WindowEngine
from pipeline.errors import FatalError
from tests.properties.window_oracle import Event, block_of

PAY, REFUND = Series("prod", "shop", "pay"), Series("prod", "shop", "refund")
PANE_MS, LONGEST_MS, DAY_MS = 10_000, 30_000, 86_400_000
SOURCE, OTHER = "events.operations-0", "events.operations-1"


class Shell:
    """The least that is needed around an engine: offsets, versions, a table."""

    def __init__(self, *sources: str, limit: int = 100) -> None:
        windows = {"20s": 20_000, "30s": 30_000}
        self.config = WindowConfig(shard=0, pane_ms=PANE_MS, windows=windows, series_limit=limit)
        self.sources = sources or (SOURCE,)
        self.table: dict[ClosedKey, bytes] = {}
        self.offset = 0
        self.engine = self.started()

    def started(self) -> WindowEngine:
        engine = WindowEngine(self.config, lambda start: [v for key, v in self.table.items() if key[0] == start])
        engine.set_sources(self.sources)
        return engine

    def snapshot(self, start_ms: int, *series: Series, source: str = SOURCE, version: int | None = None) -> None:
        block = pack(block_of([Event(source, 0, start_ms, name, 1_000) for name in series]))
        version = self.offset if version is None else version
        one = Snapshot(1, source, start_ms, PANE_MS, 0, 0, version, final=False, block=block)
        self.engine.on_snapshot(one, self.offset)
        self.offset += 1

    def mark(
        self, watermark_ms: int | None, closed_ms: int | None = None, source: str = SOURCE, *, idle: bool = False
    ) -> None:
        mark = Mark(1, source, self.offset, watermark_ms, closed_ms, idle, 0, 0, 0, 0)
        self.engine.on_marks(Marks("w", 0, [mark]), self.offset)
        self.offset += 1

    def emit(self) -> list[StepView]:
        """Emit all that is due."""
        return [*self.emit_on_time(), *self.emit_late()]

    def emit_on_time(self) -> list[StepView]:
        return [self.looked(end_ms, "on_time") for end_ms in self.engine.due_steps()]

    def emit_late(self) -> list[StepView]:
        return [self.looked(end_ms, "late") for end_ms in self.engine.late_steps()]

    def looked(self, end_ms: int, status: Status) -> StepView:
        view = self.engine.view(end_ms, status)
        view.window("20s"), view.window("30s")
        self.engine.emitted(view)
        return view

    def commit(self) -> WindowState:
        state = self.engine.commit_state()
        self.engine.committed(state)
        return state

    def close(self) -> list[ClosedPane]:
        self.engine.close_due(0)
        panes = self.engine.close_due(2_000)
        for pane in panes:
            self.table.update(pane.records())
            self.engine.closed(pane)
        return panes

    def restart(self, state: WindowState | None) -> None:
        self.engine = self.started()
        panes: dict[int, list[bytes]] = {}
        for key, value in self.table.items():
            panes.setdefault(key.pane_start_ms, []).append(value)
        self.engine.restore(panes, state)


def calls(view: StepView, window: str = "30s") -> dict[str, int]:
    column = view.window(window).scalars[:, COLUMN["calls"]].tolist()
    return {series.operation: count for series, count in zip(view.series, column, strict=True)}


def ends(views: list[StepView]) -> list[int]:
    return [view.end_ms for view in views]


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
    views = shell.emit()
    assert ends(views) == [10_000, 20_000, 30_000, 40_000]
    assert [calls(view, "20s") for view in views] == [{"pay": 1}, {"pay": 1}, {"pay": 0}, {"pay": 0}]
    assert [calls(view, "30s") for view in views] == [{"pay": 1}, {"pay": 1}, {"pay": 1}, {"pay": 0}]
    assert shell.engine.commit_state().emitted_ms == 70_000


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


def test_a_pane_closes_when_it_is_final_and_its_step_is_emitted_and_committed() -> None:
    shell = Shell()
    shell.snapshot(0, PAY)
    shell.mark(10_000, 10_000)
    assert shell.close() == []
    shell.emit()
    assert shell.close() == []
    shell.commit()
    (pane,) = shell.close()
    assert (pane.start_ms, pane.block.series) == (0, [PAY])
    assert shell.close() == []
    assert shell.engine.commit_state().frontier_ms == 10_000


def test_no_pane_closes_while_a_correction_is_still_to_be_emitted() -> None:
    shell = Shell()
    shell.snapshot(0, PAY)
    shell.mark(10_000)
    shell.emit()
    shell.snapshot(0, PAY, PAY)
    shell.mark(19_000, 10_000)
    shell.emit()
    shell.commit()
    assert shell.close() == []
    shell.mark(20_000, 10_000)
    shell.emit()
    assert shell.close() == []
    shell.commit()
    assert [pane.start_ms for pane in shell.close()] == [0]


def test_a_pane_is_offered_again_until_it_is_closed_and_takes_nothing_in_meanwhile() -> None:
    shell = Shell()
    shell.snapshot(0, PAY)
    shell.mark(10_000, 10_000)
    shell.emit()
    shell.commit()
    shell.engine.close_due(0)
    (offered,) = shell.engine.close_due(2_000)
    shell.snapshot(0, PAY, PAY)
    (again,) = shell.engine.close_due(2_000)
    assert offered.records() == again.records()
    assert shell.engine.behind_frontier == 1


def test_snapshots_behind_the_frontier_are_counted_and_change_nothing() -> None:
    shell = Shell()
    shell.snapshot(0, PAY)
    shell.mark(10_000, 10_000)
    shell.emit()
    shell.commit()
    shell.close()
    shell.snapshot(0, PAY, PAY)
    shell.mark(20_000, 10_000)
    (view,) = shell.emit()
    assert (calls(view), shell.engine.behind_frontier) == ({"pay": 1}, 1)


def test_a_snapshot_of_another_shard_or_pane_length_is_not_counted() -> None:
    shell = Shell()
    block = pack(block_of([Event(SOURCE, 0, 0, PAY, 1_000)]))
    with pytest.raises(ValueError, match="shard 7 at offset 3 given to shard 0"):
        shell.engine.on_snapshot(Snapshot(1, SOURCE, 0, PANE_MS, 7, 0, 0, final=False, block=block), 3)
    shell.engine.on_snapshot(Snapshot(1, SOURCE, 0, 5_000, 0, 0, 0, final=False, block=block), 3)
    assert shell.engine.other_pane_length == 1
    assert shell.engine.held_back_offset() is None


def test_the_commit_is_held_back_to_open_panes_and_to_the_marks_that_hold() -> None:
    shell = Shell(SOURCE, OTHER)
    assert shell.engine.held_back_offset() is None
    shell.mark(None, source=OTHER, idle=True)
    shell.snapshot(0, PAY)
    shell.mark(10_000, 10_000)
    assert shell.engine.held_back_offset() == 0
    shell.mark(None, source=OTHER, idle=True)
    assert shell.engine.held_back_offset() == 1
    shell.emit()
    shell.commit()
    shell.close()
    assert shell.engine.held_back_offset() == 2
    assert shell.engine.position == shell.offset


def test_a_restart_goes_on_with_the_table_and_the_tail() -> None:
    shell = Shell()
    shell.snapshot(0, PAY)
    shell.mark(10_000, 10_000)
    shell.emit()
    shell.commit()
    shell.close()
    shell.snapshot(10_000, PAY, PAY)
    shell.mark(20_000, 10_000)
    shell.emit()
    state, held, offset = shell.commit(), shell.engine.held_back_offset(), shell.offset
    assert held == 2
    shell.restart(state)
    shell.offset = 2
    shell.snapshot(10_000, PAY, PAY)
    shell.mark(20_000, 10_000)
    assert shell.offset == offset
    assert shell.emit() == []
    shell.mark(30_000, 20_000)
    (view,) = shell.emit()
    assert (view.end_ms, calls(view)) == (30_000, {"pay": 3})


def test_a_restart_does_not_emit_corrections_again() -> None:
    shell = Shell()
    shell.snapshot(0, PAY)
    shell.mark(10_000)
    shell.emit()
    shell.snapshot(0, PAY, PAY, version=7)
    shell.mark(20_000)
    assert [view.revision for view in shell.emit()] == [0, 1]
    state = shell.commit()
    shell.restart(state)
    shell.offset = 0
    shell.snapshot(0, PAY)
    shell.mark(10_000)
    shell.snapshot(0, PAY, PAY, version=7)
    shell.mark(20_000)
    assert shell.emit() == []
    shell.snapshot(0, PAY, PAY, PAY, version=8)
    shell.mark(30_000)
    assert [(view.end_ms, view.revision, calls(view)["pay"]) for view in shell.emit()] == [
        (30_000, 0, 3),
        (10_000, 2, 3),
        (20_000, 2, 3),
    ]


def test_a_restart_without_a_commit_takes_the_table_as_it_is() -> None:
    shell = Shell()
    shell.snapshot(0, PAY)
    shell.mark(10_000, 10_000)
    shell.emit()
    shell.commit()
    shell.close()
    shell.restart(None)
    shell.snapshot(0, PAY, PAY)
    shell.mark(20_000, 10_000)
    (view,) = shell.emit()
    assert (view.end_ms, calls(view)) == (20_000, {"pay": 1})


def many(series: int) -> list[Series]:
    return [Series("prod", "shop", f"op{number:03}") for number in range(series)]


def test_a_half_written_pane_counts_as_open() -> None:
    shell = Shell(limit=1_000)
    shell.snapshot(0, *many(200))
    shell.mark(10_000, 10_000)
    shell.emit()
    state = shell.commit()
    (pane,) = shell.close()
    del shell.table[ClosedKey(0, 0, 1)]
    shell.restart(state)
    shell.offset = 0
    shell.snapshot(0, *many(200))
    shell.mark(10_000, 10_000)
    assert shell.engine.behind_frontier == 0
    (again,) = shell.close()
    assert again.records() == pane.records()


def test_a_part_missing_from_a_pane_that_was_closed_stops_the_worker() -> None:
    shell = Shell(limit=1_000)
    shell.snapshot(0, *many(200))
    shell.mark(10_000, 10_000)
    shell.emit()
    shell.commit()
    shell.close()
    state = shell.commit()
    del shell.table[ClosedKey(0, 0, 0)]
    with pytest.raises(FatalError, match="pane 0 of shard 0 has 1 of 2 parts"):
        shell.restart(state)


def test_panes_expire_when_no_restart_can_need_them() -> None:
    shell = Shell()
    shell.snapshot(0, PAY)
    shell.mark(10_000, 10_000)
    shell.emit()
    shell.commit()
    shell.close()
    shell.mark(80_000, 50_000)
    shell.emit()
    shell.commit()
    shell.close()
    assert shell.engine.expired() == []
    state = shell.commit()
    assert shell.engine.expired() == [ClosedKey(0, 0, 0)]
    assert shell.engine.expired() == []
    shell.restart(state)
    assert shell.engine.expired() == [ClosedKey(0, 0, 0)]


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


def test_a_commit_carries_little_and_can_be_read_back() -> None:
    state = WindowState(2**53, 2**53, 2**53, 2**53, 2**53)
    assert len(encode_state(state).encode()) <= 120
    assert decode_state(encode_state(state)) == state
    assert decode_state(encode_state(WindowState(None, None, None, 0, 0))).frontier_ms is None


def test_windows_that_are_not_whole_panes_are_refused() -> None:
    with pytest.raises(ValueError, match="15s is 15000 ms, not a whole number of panes of 10000 ms"):
        WindowConfig(shard=0, pane_ms=PANE_MS, windows={"15s": 15_000}, series_limit=1)
    with pytest.raises(ValueError, match="none given"):
        WindowConfig(shard=0, pane_ms=PANE_MS, windows={}, series_limit=1)


def test_a_shard_may_hold_four_times_its_share() -> None:
    assert [series_limit(2_000, 8), series_limit(10, 8), series_limit(1, 8)] == [1_000, 8, 4]
