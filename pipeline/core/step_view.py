"""What the rules and the statistics look at: all windows of one shard at the end of one step, as columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from pipeline.core.series import Series

Status = Literal["early", "on_time", "late"]
"""`early`: in the making. `on_time`: the watermark has passed it. `late`: on time before, and changed since."""

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class WindowColumns:
    """Sums of every series over one window `[start_ms, end_ms)`; row n is `StepView.series[n]`.

    - `scalars`: int64 (rows, len(ADDITIVE)), columns as in `pipeline.core.block.COLUMN`
    - `hist`: int32 or int64 (rows, WIDTH), dense latency buckets as in `pipeline.core.histogram`
    - `min_us`, `max_us`: int64 (rows,), least and greatest latency; NO_MIN_US and -1 where there is none
    - `calls_newer`, `calls_older`: int64 (rows,), calls in the newer and the older half of the window's panes (the
      middle pane of an odd number is in neither)
    - `status_codes`: int64 (codes,) ascending; `status_calls`: int64 (rows, codes), calls by status code
    """

    start_ms: int
    end_ms: int
    scalars: Int64s
    hist: npt.NDArray[np.integer]
    min_us: Int64s
    max_us: Int64s
    calls_newer: Int64s
    calls_older: Int64s
    status_codes: Int64s
    status_calls: Int64s


@dataclass(slots=True)
class StepView:
    """Every window of a shard's series at `end_ms`.

    - `series`: sorted; one row each. On time and early: every series with an event in the longest window, and once
      more, with zeros, when its last event has left it. Late: the changed series only.
    - `watermark_ms`: the shard's watermark when the view was made; None before there is one.
    - `revision`: 0 on time and early. Late: greater than in every earlier emission of the same step.
    - `changed`: bool (rows,), whether a snapshot changed the series since the last view of the same status.
    - `last_event_ms`: int64 (rows,), end of the newest pane that has an event of the series: at most one pane later
      than the event.
    - `seen`: series of the last 24 h that have no row any more, with their `last_event_ms`; for absence.
    - `window_names`: what `window` takes, as in the settings.
    - `completeness`: share of the sources ever used that have nothing more to say before `end_ms`; None before any was.
    - `compute`: makes the columns of one window; `window` calls it once for each.
    """

    series: list[Series]
    end_ms: int
    watermark_ms: int | None
    status: Status
    revision: int
    changed: Bools
    last_event_ms: Int64s
    seen: Mapping[Series, int]
    window_names: tuple[str, ...]
    compute: Callable[[str], WindowColumns]
    completeness: float | None = None
    _columns: dict[str, WindowColumns] = field(default_factory=dict)

    def window(self, name: str) -> WindowColumns:
        """Return the columns of one window; computed when first asked for, then kept.

        First ask before the engine takes in anything more: RuntimeError after that. An unknown name is a KeyError.
        """
        columns = self._columns.get(name)
        if columns is None:
            columns = self._columns[name] = self.compute(name)
        return columns
