"""The errors of the pipeline: what is never retried, what is, and what stops a worker."""

from __future__ import annotations


class PipelineError(Exception):
    """Root of every error that the pipeline raises on purpose."""


class RejectedEvent(PipelineError):  # noqa: N818 - the name says what happened, as everywhere in the docs
    """An event that can't be used and is never retried: it goes to the dead letters with `reason`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class RetryableError(PipelineError):
    """Something outside failed and may work again in `retry_after_ms`."""

    def __init__(self, message: str, retry_after_ms: int = 1_000) -> None:
        super().__init__(message)
        self.retry_after_ms = retry_after_ms


class FatalError(PipelineError):
    """Stops the worker. The message says what was found, where, and what to do."""


class BlockedError(FatalError):
    """Stops a worker because of what lies in Kafka, not of how it is set up: it may be put right while others go on."""


def unreadable_commit(place: str, metadata: str, error: Exception) -> FatalError:
    """Return what to raise for a commit of our consumer group that this release can't read."""
    return FatalError(
        f"the commit on {place} carries metadata that this release can't read ({error}): {metadata[:200]!r}. A later "
        "release wrote it, or another program uses the consumer group. Run that release, or stop that program."
    )
