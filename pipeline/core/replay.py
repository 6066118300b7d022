"""Events that were sent again from the dead letters: which of them are of the past."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.core.source import TimeRules

Int64s = npt.NDArray[np.int64]


def of_the_past(timestamp_ms: Int64s, append_ms: Int64s, rules: TimeRules) -> npt.NDArray[np.bool_]:
    """Return which events' panes had closed by the broker's own time when it took them in.

    A replayed event of the past is late whatever its partition has seen: it can't open a pane, move a watermark or
    raise a signal. So nothing is decided about a time that has gone by, also on a partition that was never used or one
    that stays behind. The log alone says which they are, so a restart says the same.
    """
    closed_ms = (append_ms - rules.out_of_orderness_ms - rules.allowed_lateness_ms) // rules.pane_ms * rules.pane_ms
    end_ms = timestamp_ms // rules.pane_ms * rules.pane_ms + rules.pane_ms
    return end_ms <= closed_ms
