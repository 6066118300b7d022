"""What follows from an event: its outcome, its duration as a whole number, its severity as a number."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from pipeline.decode.events import Operation, Outcome

SEVERITY_CODES = {"warning": 0, "error": 1, "critical": 2}
"""Number of each severity, in the order of the columns `errors_warning`, `errors_error`, `errors_critical`."""

_TIMEOUTS = (408, 504)


def derived_outcome(operation: Operation) -> Outcome:
    """Return how a call ended: `outcome` as sent, or its default from `success` and `status_code`."""
    if operation.outcome is not None:
        return operation.outcome
    if operation.success:
        return "ok"
    if operation.status_code in _TIMEOUTS:
        return "timeout"
    if operation.status_code is not None and 400 <= operation.status_code < 500:  # noqa: PLR2004 - HTTP's own numbers
        return "client_error"
    return "error"


def duration_us(duration_ms: float) -> int:
    """Return a duration in whole microseconds, halves to the even one. The same for an array is `durations_us`."""
    return round(duration_ms * 1000)


def durations_us(durations_ms: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return durations in whole microseconds, halves to the even one, as `duration_us` does."""
    return np.rint(durations_ms * 1000).astype(np.int64)


def future_detail(timestamp_ms: int, append_ms: int, limit_ms: int) -> str:
    """Return the sentence for an event that is further than `limit_ms` past the time the broker took it in."""
    ahead = _seconds(timestamp_ms - append_ms)
    return (
        f"timestamp_ms {timestamp_ms} ({_utc(timestamp_ms)}) is {ahead} past the broker's time ({_utc(append_ms)}): "
        f"at most {_seconds(limit_ms)} are allowed; the sender's clock is wrong"
    )


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:,.10g} s"


def _utc(time_ms: int) -> str:
    """Return a time as ISO 8601 in UTC, to the millisecond; without `datetime`'s rounding of floats."""
    seconds, rest_ms = divmod(time_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest_ms:03d}Z"
