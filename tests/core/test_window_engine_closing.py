"""The window engine: when panes close, what a commit holds back, and how a restart goes on."""

import pytest

from pipeline.core.block import pack
from pipeline.core.closed_pane import ClosedKey
from pipeline.core.records import Snapshot
from pipeline.core.window_config import WindowConfig, WindowState, decode_state, encode_state, series_limit
from pipeline.errors import FatalError
from tests.core.window_shell import OTHER, PANE_MS, PAY, SOURCE, Shell, calls, many
from tests.properties.window_oracle import Event, block_of


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
