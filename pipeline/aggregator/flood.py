"""What an aggregator says when it stops because nearly everything in a partition is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from pipeline.core.dead_limit import Flood, Verdict


def flood_message(source: str, flood: Flood, verdicts: Iterable[Verdict]) -> str:
    """Return what was found, where, and what to do; `verdicts` are of the batch in which the limit was reached."""
    reasons = Counter(
        verdict.reason for verdict in verdicts if verdict.reason is not None and verdict.offset <= flood.last.offset
    )
    if flood.in_a_row:
        what = f"the last {flood.dead:,} events in a row were refused, offsets {flood.first} to {flood.last.offset}"
    else:
        what = f"{flood.dead:,} of the last {flood.events:,} events up to offset {flood.last.offset} were refused"
    reason = reasons.most_common(1)[0][0]
    return (
        f"{source}: {what}, most often as {reason}; the last one as {flood.last.reason}: {flood.last.detail}. "
        "It looks as if a producer is broken as a whole, so the aggregator stops instead of emptying the topic into "
        "the dead letters. Nothing is lost: what was not read yet is not committed. Mend the producer; `pipeline dead "
        "list` shows what was refused. Then let the bad events that are still there go to the dead letters: start the "
        "aggregators once with PIPELINE_DEAD_CONSECUTIVE=0 and PIPELINE_DEAD_RATIO=0, or with greater limits, until "
        "they are past them."
    )
