"""What the alert engine looks at: one shard at the end of one step. The window agent provides it.

Both are protocols: any object with these attributes will do, and columns may be made when they are first asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from pipeline.core.series import Series

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

Status = Literal["early", "on_time"]
"""`early`: from panes still open, may be looked at many times. `on_time`: the watermark has passed `end_ms`; once."""


class WindowColumns(Protocol):
    """One window over every series of a shard: ``[start_ms, end_ms)``, rows in the order of `StepView.series`."""

    @property
    def start_ms(self) -> int:
        """First millisecond in the window."""

    @property
    def end_ms(self) -> int:
        """First millisecond after the window; equals the step's end."""

    @property
    def scalars(self) -> Int64s:
        """Counts, shape (rows, len(ADDITIVE)), columns as in `block.COLUMN`."""

    @property
    def hist(self) -> npt.NDArray[np.integer]:
        """Dense latency histograms by weight, shape (rows, histogram.WIDTH). Asked for only when a rule needs it."""

    @property
    def min_us(self) -> Int64s:
        """Least latency, shape (rows,); NO_MIN_US where there is none."""

    @property
    def max_us(self) -> Int64s:
        """Greatest latency, shape (rows,); -1 where there is none."""

    @property
    def changed(self) -> Bools:
        """Rows that have new events since they were last looked at, shape (rows,). Read in early steps only."""


class StepView(Protocol):
    """One shard at the end of one step."""

    @property
    def shard(self) -> int:
        """Which shard this is."""

    @property
    def shards(self) -> int:
        """How many shards there are: rules that name series ask which shard owns them."""

    @property
    def series(self) -> Sequence[Series]:
        """The series of the rows, each once: all with an event in the last 24 hours."""

    @property
    def end_ms(self) -> int:
        """End of the step: the end of its newest pane."""

    @property
    def watermark_ms(self) -> int:
        """The least watermark over live sources when the view was made."""

    @property
    def status(self) -> Status:
        """Whether the step is final on the watermark."""

    @property
    def last_event_ms(self) -> Int64s:
        """End of the last pane in which the series had any event, operation or error, shape (rows,)."""

    def window(self, name: str) -> WindowColumns:
        """The columns of a configured window such as ``5m``; KeyError for any other."""
