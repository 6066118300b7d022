"""Windows at steps ahead of where they stand: what brute force says, and nothing is moved."""

from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.block import pack
from pipeline.core.pane_store import PaneStore
from pipeline.core.records import Snapshot
from pipeline.core.row_table import RowTable
from pipeline.core.series import Series
from pipeline.core.sums import StatusColumns
from pipeline.core.windows import Windows
from tests.properties.window_oracle import Event, block_of, figures, shown

PANE_MS = 10
SIZES_MS = {"short": 20, "long": 50}
STANDS_MS = 60
SERIES = [Series("prod", "shop", name) for name in ("pay", "refund", "search")]

events = st.builds(
    Event,
    source=st.sampled_from(["a", "b"]),
    offset=st.just(0),
    timestamp_ms=st.integers(0, 119),
    series=st.sampled_from(SERIES),
    latency_us=st.integers(1, 10**6),
    success=st.booleans(),
    status_code=st.sampled_from([200, 404, 500]),
    weight=st.sampled_from([1, 2, 2**31]),
)


def stored(all_events: list[Event], rows: RowTable) -> PaneStore:
    store = PaneStore(StatusColumns(), rows, lambda _: ())
    by_place = sorted(all_events, key=lambda one: (one.timestamp_ms // PANE_MS, one.source))
    for (pane, source), inside in groupby(by_place, key=lambda one: (one.timestamp_ms // PANE_MS, one.source)):
        block = pack(block_of(list(inside)))
        snapshot = Snapshot(1, source, pane * PANE_MS, PANE_MS, 0, 0, version=1, final=False, block=block)
        store.opened(pane * PANE_MS, 0).apply(snapshot, 0)
    return store


@given(st.lists(events, max_size=40), st.lists(st.sampled_from(range(STANDS_MS, 140, PANE_MS)), min_size=1, max_size=4))
def test_windows_ahead_are_what_brute_force_says(all_events: list[Event], ends_ms: list[int]) -> None:
    table = RowTable()
    windows = Windows(SIZES_MS, PANE_MS, STANDS_MS, stored(all_events, table))
    windows.fill()
    rows = table.of(SERIES)
    for end_ms in [*ends_ms, STANDS_MS]:
        for name, size_ms in SIZES_MS.items():
            found = shown(SERIES, windows.columns(name, end_ms, rows))
            assert found == figures(all_events, end_ms - size_ms, end_ms, PANE_MS), (name, end_ms)


@given(st.lists(events, min_size=1, max_size=20))
def test_rows_that_nobody_asks_for_are_left_out(all_events: list[Event]) -> None:
    table = RowTable()
    windows = Windows(SIZES_MS, PANE_MS, STANDS_MS, stored(all_events, table))
    windows.fill()
    wanted = SERIES[1:]
    found = shown(wanted, windows.columns("long", STANDS_MS + PANE_MS, table.of(wanted)))
    everything = figures(all_events, STANDS_MS + PANE_MS - SIZES_MS["long"], STANDS_MS + PANE_MS, PANE_MS)
    assert found == {series: each for series, each in everything.items() if series in wanted}
