"""The bounds of the fields of events: one place for the contract, the fast lane and the documentation.

Lengths of text are in characters (code points), sizes in bytes. Nothing here imports pydantic.
"""

from __future__ import annotations

SERVICE_LENGTH = 200
OPERATION_LENGTH = 300
ENVIRONMENT_LENGTH = 100
SAMPLE_NAME_LENGTH = 300
ID_LENGTH = 200
KIND_LENGTH = 50
UNIT_LENGTH = 50
ERROR_TYPE_LENGTH = 300
MESSAGE_LENGTH = 10_000
STACK_LENGTH = 100_000

NAME_PATTERN = r"^[^\x00-\x20\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\x9f])?$"
"""A name: no control characters, and no blank at either end, where nobody would see it."""

TIMESTAMP_LEAST_MS = 10**11
"""March 1973. Anything below is seconds."""
TIMESTAMP_GREATEST_MS = 10**14
"""The year 5138. Anything above is microseconds or nanoseconds."""

DURATION_GREATEST_MS = 1e11
"""Three years. (Percentiles take everything above one hour as one hour.)"""
DURATION_COUNTED_MS = 3_600_000.0
"""A longer call counts as one hour in averages and percentiles."""
WEIGHT_GREATEST = 1_000_000
CALL_TIME_GREATEST_MS = 1e9
"""Weight times the duration that counts: a million calls of a second, or 277 of an hour. So the sum of a window, in
microseconds, stays within 64 bits up to nine million such events of one series."""
STATUS_LEAST, STATUS_GREATEST = 100, 599
VERSION_GREATEST = 65_535

METADATA_BYTES = 64 * 1024
METADATA_DEPTH = 32
"""Objects and arrays within each other in `metadata`, itself included."""

RECORD_BYTES = 4 * 1024 * 1024
"""A Kafka record with one event or an array of them."""

ENVIRONMENT_DEFAULT = "default"


def stands_for_too_much(duration_ms: float, weight: int) -> bool:
    """Return whether an event stands for more time in calls than `CALL_TIME_GREATEST_MS`."""
    return min(duration_ms, DURATION_COUNTED_MS) * weight > CALL_TIME_GREATEST_MS
