"""Open panes: the newest snapshot of each source, and their sum."""

import numpy as np

from pipeline.core.block import NO_MIN_US, pack
from pipeline.core.open_panes import OpenPane
from pipeline.core.records import Snapshot
from pipeline.core.series import Series
from pipeline.core.sums import StatusColumns
from tests.properties.window_oracle import Event, block_of

PAY, REFUND = Series("prod", "shop", "pay"), Series("prod", "shop", "refund")


def event(series: Series, latency_us: int) -> Event:
    return Event("s", 0, 0, series, latency_us)


def snapshot(version: int, *events: Event, source: str = "s", part: int = 0, epoch: int = 1) -> Snapshot:
    block = pack(block_of(list(events)))
    return Snapshot(epoch, source, 0, 10, 0, part, version, final=False, block=block)


def calls(pane: OpenPane) -> dict[Series, int]:
    return {name: int(pane.dense().hist[row].sum()) for row, name in enumerate(pane.series)}


def test_a_newer_snapshot_replaces_and_is_never_added() -> None:
    pane = OpenPane(0, StatusColumns(), 5)
    pane.apply(snapshot(1, event(PAY, 10)), 5)
    assert calls(pane) == {PAY: 1}
    change = pane.apply(snapshot(2, event(PAY, 10), event(REFUND, 20)), 6)
    assert change is not None
    assert change.changed == [REFUND]
    assert calls(pane) == {PAY: 1, REFUND: 1}


def test_an_equal_or_older_snapshot_changes_nothing() -> None:
    pane = OpenPane(0, StatusColumns(), 5)
    pane.apply(snapshot(7, event(PAY, 10), event(PAY, 11)), 5)
    assert pane.apply(snapshot(7, event(PAY, 10), event(PAY, 11)), 6) is None
    assert pane.apply(snapshot(3, event(PAY, 10)), 7) is None
    assert calls(pane) == {PAY: 2}


def test_sources_parts_and_epochs_are_added_up() -> None:
    pane = OpenPane(0, StatusColumns(), 5)
    for offset, one in enumerate(
        (
            snapshot(1, event(PAY, 10)),
            snapshot(1, event(PAY, 10), source="t"),
            snapshot(1, event(REFUND, 10), part=1),
            snapshot(1, event(PAY, 10), epoch=2),
        )
    ):
        assert pane.apply(one, offset) is not None
    assert calls(pane) == {PAY: 3, REFUND: 1}


def test_the_sum_kept_up_to_date_is_the_sum_made_anew() -> None:
    pane = OpenPane(0, StatusColumns(), 5)
    for version in range(1, 6):
        pane.apply(snapshot(version, *[event(PAY, 10 * n) for n in range(version)]), version)
        pane.apply(snapshot(version, *[event(REFUND, 7 * n) for n in range(version)], source="t"), version)
        kept = pane.dense().copy()
        pane.drop_dense()
        assert np.array_equal(kept.hist[:2], pane.dense().hist[:2])
        assert np.array_equal(kept.scalars[:2], pane.dense().scalars[:2])


def test_the_least_and_greatest_latency_are_of_the_newest_snapshots() -> None:
    pane = OpenPane(0, StatusColumns(), 5)
    assert pane.extremes().shape == (0, 2)
    pane.apply(snapshot(1, event(PAY, 10)), 5)
    pane.apply(snapshot(1, event(PAY, 3), event(REFUND, 8), source="t"), 5)
    assert pane.extremes().tolist() == [[3, 10], [8, 8]]
    pane.apply(snapshot(2, event(PAY, 10), event(PAY, 99)), 5)
    assert pane.extremes().tolist() == [[3, 99], [8, 8]]
    assert pane.extremes().min() < NO_MIN_US


def test_a_snapshot_in_another_order_counts_as_changed_all_over() -> None:
    pane = OpenPane(0, StatusColumns(), 5)
    pane.apply(snapshot(1, event(PAY, 10), event(REFUND, 10)), 5)
    change = pane.apply(snapshot(2, event(REFUND, 10), event(PAY, 10)), 6)
    assert change is not None
    assert set(change.changed) == {PAY, REFUND}
    assert calls(pane) == {PAY: 1, REFUND: 1}


def test_the_first_offset_is_kept() -> None:
    pane = OpenPane(0, StatusColumns(), 5)
    pane.apply(snapshot(1, event(PAY, 10)), 5)
    pane.apply(snapshot(2, event(PAY, 10), event(PAY, 10)), 9)
    assert pane.first_offset == 5
