"""What a new owner of a source partition finds in the group's commits."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
from faust.types import TP

from pipeline.core import commit_state
from pipeline.core.resume import Resumed
from pipeline.core.source import Progress
from pipeline.errors import unreadable_commit

log = logging.getLogger(__name__)


def tell_what_is_gone(tp: TP, resumed: Resumed) -> None:
    """Log what retention deleted before it was read."""
    if resumed.lost:
        log.error(
            "%s-%d: offsets %d to %d were deleted by retention before they were read; they are lost",
            *tp,
            resumed.lost[0],
            resumed.lost[1] - 1,
        )
    if resumed.not_rebuilt:
        log.error(
            "%s-%d: retention deleted offsets %d to %d, counted, from which open panes are rebuilt. Those "
            "panes are closed as they were last sent; what still comes for them is late",
            *tp,
            resumed.not_rebuilt[0],
            resumed.not_rebuilt[1] - 1,
        )


def as_found(found: Any, begin: int) -> tuple[int, str]:
    """Return offset and metadata to commit again for what was committed; of nobody, for what never was."""
    return (found.offset, found.metadata) if found else (begin, commit_state.encode("", Progress(position=begin), None))


def watermark_at_ms(tp: TP, found: Any) -> int | None:
    """Return the wall-clock time at which the committed watermark was true."""
    return state_of(tp, found.metadata).watermark_at_ms if found is not None and found.metadata else None


def state_of(tp: TP, metadata: str) -> commit_state.CommitState:
    """Return what a commit carries; FatalError for what this release can't read."""
    try:
        return commit_state.decode(metadata)
    except msgspec.DecodeError as error:
        raise unreadable_commit(f"{tp.topic}-{tp.partition}", metadata, error) from error
