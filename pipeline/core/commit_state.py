"""What an aggregator's commit carries beside the offset: `Progress`, in a format that says its version."""

from __future__ import annotations

import msgspec

from pipeline.core.dead_limit import DeadRun
from pipeline.core.source import Progress


class CommitState(msgspec.Struct, array_like=True, tag="a1", frozen=True):
    """Metadata of a commit on ``events.*``. `owner` is the boot id of the process that committed.

    `watermark_at_ms` is the wall-clock time at which the watermark was true: the watermark of an idle partition goes on
    from there, also through the time when nobody owned it. `run` is what its last events were.
    """

    owner: str
    position: int
    watermark_ms: int | None
    closed_through_ms: int | None
    operations: int
    errors: int
    late: int
    dead: int
    watermark_at_ms: int | None = None
    run: DeadRun = DeadRun()

    def progress(self) -> Progress:
        """The progress that was committed."""
        return Progress(
            position=self.position,
            watermark_ms=self.watermark_ms,
            closed_through_ms=self.closed_through_ms,
            operations=self.operations,
            errors=self.errors,
            late=self.late,
            dead=self.dead,
            run=self.run,
        )


def encode(owner: str, progress: Progress, watermark_at_ms: int | None) -> str:
    """Return the metadata string for a commit."""
    state = CommitState(
        owner,
        progress.position,
        progress.watermark_ms,
        progress.closed_through_ms,
        progress.operations,
        progress.errors,
        progress.late,
        progress.dead,
        watermark_at_ms,
        progress.run,
    )
    return msgspec.json.encode(state).decode()


def decode(metadata: str) -> CommitState:
    """Return the state in a metadata string; raises msgspec.DecodeError for anything else."""
    return msgspec.json.decode(metadata, type=CommitState)
