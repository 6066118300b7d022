"""Windows against panes: what the stream said of each against the sum of what was counted in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.core.block import Int64s
from pipeline.core.series import OVERFLOW, Series, shard_of
from pipeline.history.expected_slots import Span
from pipeline.history.findings import NOTHING, Difference, What
from pipeline.history.window_figures import COUNTS, FIGURES, Panes, Totals, by_code, differs
from pipeline.history.window_rows import STATUS, entries, numbers

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Steps:
    """Which windows are compared: steps that end in ``(span.from_ms, span.to_ms]``, as far as a shard has come.

    - `panes`: the span of the panes that their windows reach back to
    - `step_ms`: what windows move by; a whole number of panes
    - `windows_ms`: the windows there are, by name
    - `through_ms`: by shard, up to which step; `shards`: how many there are
    """

    span: Span
    panes: Span
    step_ms: int
    windows_ms: Mapping[str, int]
    through_ms: Callable[[int], int]
    shards: int

    def of(self, series: Series) -> int:
        """Return the last step that is compared of a series."""
        return min(self.span.to_ms, self.through_ms(shard_of(series, self.shards)))


@dataclass(frozen=True, slots=True)
class Wrong:
    """A window that is not the sum of its panes: where, and the differences by column (one only: it is missing)."""

    series: Series
    end_ms: int
    name: str
    differences: list[Difference]


@dataclass(frozen=True, slots=True)
class Checked:
    """Windows of one series: how many were compared, how many are not settled yet, and which are wrong."""

    compared: int
    unsettled: int
    wrong: list[Wrong]


def check_series(series: Series, panes: Panes, told: pa.Table, steps: Steps) -> Checked:
    """Compare what was told of the windows of a series with its panes; windows that should be there and are not."""
    totals = Totals(panes, (steps.panes.to_ms - steps.panes.from_ms) // steps.step_ms, steps.step_ms)
    end_ms, start_ms = numbers(told, "end_ms"), numbers(told, "start_ms")
    settled = (end_ms <= steps.of(series)) & (start_ms >= steps.panes.from_ms)
    names = np.array(told.column("name").to_pylist(), object)
    wrong: list[Wrong] = []
    for name in steps.windows_ms:
        chosen = np.flatnonzero(settled & (names == name))
        if chosen.size:
            wrong += _of_window(series, name, totals, told.take(pa.array(chosen)), steps)
        wrong += _missing(series, name, totals, end_ms[names == name], steps)
    return Checked(int(settled.sum()), int((~settled).sum()), wrong)


def _of_window(series: Series, name: str, totals: Totals, told: pa.Table, steps: Steps) -> Iterator[Wrong]:
    end_ms = numbers(told, "end_ms")
    first, end = _places(numbers(told, "start_ms"), steps), _places(end_ms, steps)
    expected = totals.counts(first, end) | totals.figures(first, end)
    found = {name: numbers(told, name) for name in COUNTS}
    found |= {name: np.asarray(told.column(name).to_numpy(), np.float64) for name in FIGURES}
    unequal = {name: differs(expected[name], found[name]) for name in expected}
    codes, calls, calls_found = _status(totals, first, end, told)
    unequal_status = (calls != calls_found).any(axis=1)
    for row in np.flatnonzero(np.logical_or.reduce([*unequal.values(), unequal_status])).tolist():
        columns = [
            (column, _text(expected[column][row]), _text(found[column][row]))
            for column in unequal
            if unequal[column][row]
        ]
        if unequal_status[row]:
            columns.append(("status codes", _text(by_code(codes, calls[row])), _text(by_code(codes, calls_found[row]))))
        at_ms = int(end_ms[row])
        yield Wrong(series, at_ms, name, [Difference(What.WINDOW, series, at_ms, name, *one) for one in columns])


def _status(totals: Totals, first: Int64s, end: Int64s, told: pa.Table) -> tuple[Int64s, Int64s, Int64s]:
    """Return status codes, ascending, and calls by window and code: what should be, and what was told."""
    row, code, count = entries(told, *STATUS)
    codes = np.union1d(totals.codes, code)
    calls, found = (np.zeros((first.size, codes.size), np.int64) for _ in range(2))
    calls[:, np.searchsorted(codes, totals.codes)] = totals.status(first, end)
    np.add.at(found, (row, np.searchsorted(codes, code)), count)
    return codes, calls, found


def _missing(series: Series, name: str, totals: Totals, told_ms: Int64s, steps: Steps) -> Iterator[Wrong]:
    """Yield the steps at which a series with an event in the longest window was not told of."""
    longest_ms, step_ms = max(steps.windows_ms.values()), steps.step_ms
    due_ms = np.arange(steps.span.from_ms + step_ms, steps.of(series) + 1, step_ms)
    due_ms = due_ms[due_ms - longest_ms >= steps.panes.from_ms]
    live = totals.seen(_places(due_ms - longest_ms, steps), _places(due_ms, steps))
    for end_ms in np.setdiff1d(due_ms[live], told_ms).tolist():
        place = _places(np.array([end_ms - steps.windows_ms[name], end_ms]), steps)
        events = totals.counts(place[:1], place[1:])
        expected = str(int(events["events"][0] + events["error_events"][0]))
        difference = Difference(What.WINDOW_MISSING, series, end_ms, name, "events", expected, NOTHING)
        yield Wrong(series, end_ms, name, [difference])


def capped(series: Series) -> bool:
    """Whether a series holds what the evaluator's cap has taken from others of its shard."""
    return series.operation == OVERFLOW and series.dimensions.startswith("shard=")


def _places(at_ms: Int64s, steps: Steps) -> Int64s:
    return (at_ms - steps.panes.from_ms) // steps.step_ms


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {count}" for key, count in value.items()) or NOTHING
    return NOTHING if isinstance(value, float) and np.isnan(value) else str(value)
