"""Windows recomputed from running totals are what the window statistics say of the same panes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.block import ADDITIVE, COLUMN, NO_MIN_US
from pipeline.core.histogram import WIDTH, index_of
from pipeline.core.stats import window_stats
from pipeline.core.step_view import WindowColumns
from pipeline.history.window_figures import COUNTS, FIGURES, Panes, Totals, differs

PANE_MS = 10_000
LENGTH = 12

calls = st.lists(
    st.tuples(st.integers(0, LENGTH - 1), st.integers(0, 5_000_000), st.booleans(), st.sampled_from([200, 404, 500])),
    max_size=60,
)


def panes_of(made: list[tuple[int, int, bool, int]]) -> Panes:
    """A pane for every call: what several sources contribute stands there several times too."""
    place = np.array([one[0] for one in made], np.int64)
    duration_us = np.array([one[1] for one in made], np.int64)
    scalars = np.zeros((len(made), len(ADDITIVE)), np.int64)
    scalars[:, [COLUMN["events"], COLUMN["calls"]]] = 1
    scalars[:, COLUMN["failures"]] = [one[2] for one in made]
    scalars[:, COLUMN["latency_sum_us"]] = duration_us
    rows, once = np.arange(len(made)), np.ones(len(made), np.int64)
    return Panes(
        place=place,
        scalars=scalars,
        extremes=np.stack([duration_us, duration_us], axis=1),
        hist_row=rows,
        hist_index=index_of(duration_us).astype(np.int64),
        hist_count=once,
        status_row=rows,
        status_code=np.array([one[3] for one in made], np.int64),
        status_count=once,
    )


def told(made: list[tuple[int, int, bool, int]], first: int, end: int) -> dict[str, float]:
    """What `pipeline.core.stats` says of one window, by brute force over the calls in it."""
    inside = [one for one in made if first <= one[0] < end]
    panes = panes_of(inside)
    hist = np.zeros((1, WIDTH), np.int64)
    np.add.at(hist[0], panes.hist_index + 1, 1)
    half = (end - first) // 2
    columns = WindowColumns(
        start_ms=first * PANE_MS,
        end_ms=end * PANE_MS,
        scalars=panes.scalars.sum(axis=0, keepdims=True),
        hist=hist,
        min_us=np.array([min((one[1] for one in inside), default=NO_MIN_US)]),
        max_us=np.array([max((one[1] for one in inside), default=-1)]),
        calls_newer=np.array([sum(one[0] >= end - half for one in inside)]),
        calls_older=np.array([sum(one[0] < first + half for one in inside)]),
        status_codes=np.zeros(0, np.int64),
        status_calls=np.zeros((1, 0), np.int64),
    )
    (stats,) = window_stats(columns, 1_000_000)
    return {name: np.nan if (value := getattr(stats, name)) is None else value for name in FIGURES}


@given(calls, st.integers(1, 6))
def test_every_figure_of_every_window_is_equal_to_the_last_bit(
    made: list[tuple[int, int, bool, int]], size: int
) -> None:
    first = np.arange(LENGTH - size + 1)
    found = Totals(panes_of(made), LENGTH, PANE_MS).figures(first, first + size)
    for place in first.tolist():
        expected = told(made, place, place + size)
        assert expected == pytest.approx({name: found[name][place] for name in FIGURES}, rel=0, abs=0, nan_ok=True)


@given(calls)
def test_counts_and_status_codes_are_those_of_the_calls(made: list[tuple[int, int, bool, int]]) -> None:
    totals = Totals(panes_of(made), LENGTH, PANE_MS)
    first, end = np.array([0, 3]), np.array([LENGTH, 7])
    counts, status = totals.counts(first, end), totals.status(first, end)
    for place, (begin, stop) in enumerate(((0, LENGTH), (3, 7))):
        inside = [one for one in made if begin <= one[0] < stop]
        assert (counts["calls"][place], counts["failures"][place]) == (len(inside), sum(one[2] for one in inside))
        assert dict(zip(totals.codes.tolist(), status[place].tolist(), strict=True)) == {
            code: sum(one[3] == code for one in inside) for code in sorted({one[3] for one in made})
        }
        assert totals.seen(first, end)[place] == bool(inside)
    assert set(counts) == set(COUNTS)


def test_nothing_equals_nothing_and_the_next_float_is_another() -> None:
    expected = np.array([np.nan, 1.5, np.nan, 1.5])
    found = np.array([np.nan, 1.5, 1.5, np.nextafter(1.5, 2)])
    assert differs(expected, found).tolist() == [False, False, True, True]
