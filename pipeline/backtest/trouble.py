"""When the trouble began that an alert fires for: what a person would have seen who looked at each pane by itself.

A window fires when enough bad is in it, which is later than the first bad event. The trouble of

- a rate, a duration, a throughput or a burn rate begins with the first pane that is in breach of the mildest threshold
  by itself, however few its events: of those that lead to the firing without a calm of a minute in between;
- a count of errors begins with the first pane of its window that has any;
- a silence begins with the end of the last pane with an event; a critical error with itself;
- anything else (a change against the time before, missing data) begins with the first step that saw the breach.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from pipeline.core.block import ADDITIVE, NO_MIN_US, Block, Int64s
from pipeline.core.conditions import measure
from pipeline.core.histogram import WIDTH
from pipeline.core.measures.figures import Bools, Figures
from pipeline.core.measures.percentiles import bucket_columns
from pipeline.core.rules import Absence, Change, CriticalError, ErrorCount, Rule, Threshold
from pipeline.core.series import Series
from pipeline.core.step_view import WindowColumns
from schemas.structs import Alert

CALM_MS = 60_000
_AT_ONCE = 30

Blocks = Callable[[int], Sequence[Block]]
"""Returns what a pane holds, by its start."""


def trouble_began_ms(rule: Rule, alert: Alert, series: Series, blocks: Blocks, pane_ms: int) -> int:
    """Return when the trouble began for which an alert has just fired. Costs a look at each pane that led to it."""
    if isinstance(rule.condition, Absence | CriticalError):
        return alert.window_start_ms
    if isinstance(rule.condition, Change):
        return alert.started_ms
    of_panes = _of_panes(rule)
    if isinstance(rule.condition, ErrorCount):
        starts = range(alert.window_start_ms, alert.window_end_ms, pane_ms)
        bad = _bad(of_panes, series, starts, blocks, pane_ms)
        return starts[int(bad.argmax())] if bad.any() else alert.started_ms
    return _run_began_ms(of_panes, alert, series, blocks, pane_ms) or alert.started_ms


def _of_panes(rule: Rule) -> Rule:
    """Return the rule as it is asked of one pane: the mildest threshold, of the value itself."""
    mildest = rule.thresholds[0]
    if isinstance(rule.condition, ErrorCount):
        mildest = Threshold(mildest.severity, 0)
    return msgspec.structs.replace(rule, thresholds=(mildest,), confidence=None)


def _run_began_ms(rule: Rule, alert: Alert, series: Series, blocks: Blocks, pane_ms: int) -> int | None:
    """Return the start of the earliest pane in breach of the run that leads to the firing."""
    began_ms, calm_ms, end_ms = None, 0, alert.window_end_ms
    least_ms = min(alert.window_start_ms, alert.started_ms - (alert.window_end_ms - alert.window_start_ms))
    while end_ms > least_ms:
        starts = range(max(least_ms, end_ms - _AT_ONCE * pane_ms), end_ms, pane_ms)
        bad = _bad(rule, series, starts, blocks, pane_ms)
        for start_ms, is_bad in zip(reversed(starts), bad[::-1].tolist(), strict=True):
            if is_bad:
                began_ms, calm_ms = start_ms, 0
            elif began_ms is not None:
                calm_ms += pane_ms
                if calm_ms >= CALM_MS:
                    return began_ms
        end_ms = starts[0]
    return began_ms


def _bad(rule: Rule, series: Series, starts: Sequence[int], blocks: Blocks, pane_ms: int) -> Bools:
    """Return which panes are in breach by themselves, shape (panes,)."""
    window = _columns([blocks(start_ms) for start_ms in starts], series, pane_ms)
    alone = Figures(window, bucket_columns([rule]), lambda _: alone)
    return np.asarray(measure(rule, alone).level > 0)


def _columns(panes: Sequence[Sequence[Block]], series: Series, pane_ms: int) -> WindowColumns:
    """Return one series pane by pane, as a window that has a row for each pane."""
    scalars = np.zeros((len(panes), len(ADDITIVE)), np.int64)
    hist = np.zeros((len(panes), WIDTH), np.int64)
    greatest = np.full(len(panes), -1, np.int64)
    for place, found in enumerate(panes):
        for block in found:
            if series in block.series:
                _add(block, block.series.index(series), scalars[place], hist[place])
                greatest[place] = max(greatest[place], block.extremes[block.series.index(series), 1])
    nothing = np.zeros(len(panes), np.int64)
    return WindowColumns(
        start_ms=0,
        end_ms=pane_ms,
        scalars=scalars,
        hist=hist,
        min_us=np.full(len(panes), NO_MIN_US),
        max_us=greatest,
        calls_newer=nothing,
        calls_older=nothing,
        status_codes=np.zeros(0, np.int64),
        status_calls=np.zeros((len(panes), 0), np.int64),
    )


def _add(block: Block, row: int, scalars: Int64s, hist: Int64s) -> None:
    scalars += block.scalars[row]
    first = int(block.hist_len[:row].sum())
    entries = slice(first, first + int(block.hist_len[row]))
    hist[block.hist_index[entries].astype(np.int64) + 1] += block.hist_count[entries]
