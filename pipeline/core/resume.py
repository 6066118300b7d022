"""Where a new owner of a source partition reads on, from what was committed and what the topic still keeps."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pipeline.core.source import Progress, TimeRules


@dataclass(frozen=True, slots=True)
class Resumed:
    """Where reading starts, from which progress.

    `lost` are offsets ``[first, past)`` that were deleted before anybody read them. `not_rebuilt` are deleted ones that
    were counted, of panes that were still open: those panes stay as they were last sent, and are closed.
    """

    start: int
    progress: Progress
    lost: tuple[int, int] | None = None
    not_rebuilt: tuple[int, int] | None = None


def resume(offset: int, progress: Progress, begin: int, rules: TimeRules, future_limit_ms: int) -> Resumed:
    """Return where to read on: `offset` is the committed (held-back) one, `begin` the first that the topic keeps.

    When retention has deleted events that open panes are rebuilt from, a rebuilt pane would hold less than the snapshot
    that was sent, under a greater version, and replace it. So every pane that may have been open is closed as it was
    sent (all of it was acknowledged before the commit), and what still comes for it is late.
    """
    if begin > progress.position:
        lost = (progress.position, begin)
        return Resumed(begin, _all_closed(replace(progress, position=begin), rules, future_limit_ms), lost)
    if begin > offset:
        closed = _all_closed(progress, rules, future_limit_ms)
        return Resumed(progress.position, closed, not_rebuilt=(offset, begin))
    return Resumed(offset, progress)


def _all_closed(progress: Progress, rules: TimeRules, future_limit_ms: int) -> Progress:
    """Return the progress with every pane closed that any event so far may be in."""
    if progress.watermark_ms is None:
        return progress
    # Events may be that far past the broker's time, and none moves the watermark past the broker's time.
    newest_ms = progress.watermark_ms + rules.out_of_orderness_ms + future_limit_ms
    through_ms = (newest_ms // rules.pane_ms + 1) * rules.pane_ms
    return replace(progress, closed_through_ms=max(through_ms, progress.closed_through_ms or through_ms))
