"""One window's columns with what rules make of them: each figure is made once, for all rules together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from pipeline.core import histogram
from pipeline.core.block import COLUMN, NO_MIN_US
from pipeline.core.rules import ErrorSeverity
from pipeline.core.step_view import WindowColumns

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

SECOND_MS = 1_000
MINUTE_MS = 60_000
GRAVER: dict[ErrorSeverity, tuple[str, ...]] = {
    "warning": ("errors_warning", "errors_error", "errors_critical"),
    "error": ("errors_error", "errors_critical"),
    "critical": ("errors_critical",),
}
"""Columns of the error events of a severity or graver."""

_Made = TypeVar("_Made")


def divide(upper: Int64s, lower: Int64s) -> Floats:
    """Return one correctly rounded division a row; NaN where the divisor is 0 or less."""
    out = np.full(len(upper), np.nan)
    np.divide(upper, lower, out=out, where=lower > 0)
    return out


class Figures:
    """One window. `beside` returns the figures of another window of the same step, whose rows are the same series.

    `cuts` are the histogram columns at which `below` can be asked (`percentiles.bucket_columns`).
    """

    def __init__(
        self, window: WindowColumns, cuts: tuple[int, ...] = (), beside: Callable[[str], Figures] | None = None
    ) -> None:
        self.window = window
        self._cuts = cuts
        self._beside = beside
        self._made: dict[object, object] = {}

    def once(self, key: object, make: Callable[[], _Made]) -> _Made:
        """Return what `make` returned the first time it was asked for under `key`."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]  # type: ignore[return-value]  # a key is used with one type only

    # ---- other windows

    def beside(self, window: str) -> Figures:
        """Return the figures of another window of the step; LookupError where only this one is at hand."""
        if self._beside is None:
            raise LookupError(f"window {window} is not at hand: these figures stand alone")
        return self._beside(window)

    def earlier(self, against: str) -> Figures:
        """Return the figures of what a longer window holds besides this one: of the time before it.

        Exact: both windows are whole numbers, and end together. Least and greatest durations can't be subtracted; they
        are as of an empty window.
        """

        def make() -> Figures:
            longer = self.beside(against).window
            rows = len(longer.scalars)
            return Figures(
                replace(
                    longer,
                    end_ms=self.window.start_ms,
                    scalars=longer.scalars - self.window.scalars,
                    hist=longer.hist - self.window.hist,
                    min_us=np.full(rows, NO_MIN_US),
                    max_us=np.full(rows, -1, np.int64),
                )
            )

        return self.once(("earlier", against), make)

    # ---- counts

    @property
    def length_ms(self) -> int:
        """How long the window is."""
        return self.window.end_ms - self.window.start_ms

    def count(self, column: str) -> Int64s:
        """Return one column of `block.ADDITIVE`, shape (rows,)."""
        return self.window.scalars[:, COLUMN[column]]

    def errors(self, least: ErrorSeverity) -> Int64s:
        """Return the error events of a severity or graver, by weight, shape (rows,)."""
        return self.once(("errors", least), lambda: np.sum([self.count(one) for one in GRAVER[least]], axis=0))

    def judged(self) -> Int64s:
        """Return the calls that are in the rates, shape (rows,): all that were not cancelled."""
        return self.once("judged", lambda: self.count("calls") - self.count("cancelled"))

    def failed(self, *, exclude_client_errors: bool = False) -> Int64s:
        """Return the failed calls, shape (rows,)."""
        return self.count("failures") - (self.count("client_errors") if exclude_client_errors else 0)

    # ---- figures

    def rates(self, *, success: bool = False, exclude_client_errors: bool = False) -> Floats:
        """Return failed (or succeeded) calls per call not cancelled, shape (rows,); NaN where there is none."""

        def make() -> Floats:
            failed = self.failed(exclude_client_errors=exclude_client_errors)
            return divide(self.judged() - failed if success else failed, self.judged())

        return self.once(("rate", success, exclude_client_errors), make)

    def averages_us(self) -> Floats:
        """Return the mean duration, shape (rows,); NaN where there is no call."""
        return self.once("avg", lambda: divide(self.count("latency_sum_us"), self.count("calls")))

    def greatest_us(self) -> Floats:
        """Return the greatest duration, shape (rows,); NaN where there is no call."""
        return self.once("max", lambda: np.where(self.window.max_us < 0, np.nan, self.window.max_us))

    def quantiles_us(self, quantile: float) -> Floats:
        """Return the estimate of a quantile of the durations, shape (rows,); NaN where there is no call."""
        hist = self.window.hist
        return self.once(("quantile", quantile), lambda: np.asarray(histogram.quantiles_us(hist, (quantile,))[:, 0]))

    def quantile_at(self, row: int, quantile: float) -> float:
        """Return the estimate of a quantile for one row, in microseconds; NaN where there is no call."""
        return float(histogram.quantiles_us(self.window.hist[[row]], (quantile,))[0, 0])

    def per_second(self, counts: Int64s) -> Floats:
        """Return counts per second of the whole window, shape (rows,)."""
        return divide(counts * SECOND_MS, np.full_like(counts, self.length_ms))

    def slow_per_minute(self, slow_from_us: int) -> Floats:
        """Return calls of a duration and longer per minute of the whole window, shape (rows,)."""

        def make() -> Floats:
            slow = self.total() - self.below(histogram.threshold_column(slow_from_us))
            return divide(slow * MINUTE_MS, np.full_like(slow, self.length_ms))

        return self.once(("slow", slow_from_us), make)

    # ---- histograms

    def below(self, column: int) -> Int64s:
        """Return the calls in histogram columns before one of the cuts, by weight, shape (rows,)."""
        return self._cumulative()[:, self._cuts.index(column)]

    def total(self) -> Int64s:
        """Return all calls in the histogram, by weight, shape (rows,)."""
        return self._cumulative()[:, -1]

    def _cumulative(self) -> Int64s:
        """Calls before each cut and, last, all of them: one pass over the histograms for all rules together."""

        def make() -> Int64s:
            starts = sorted({0, *(cut for cut in self._cuts if cut < histogram.WIDTH)})
            parts = np.add.reduceat(self.window.hist, starts, axis=1, dtype=np.int64)
            sums = np.concatenate([np.zeros((len(parts), 1), np.int64), np.cumsum(parts, axis=1)], axis=1)
            places = [*(int(np.searchsorted(starts, cut)) for cut in self._cuts), len(starts)]
            return np.asarray(sums[:, places])

        return self.once("cumulative", make)
