"""Fingerprints that add up: a whole bucket vector, or a set of rows, as one 64-bit number.

The fingerprint of a vector is the sum of its counts, each times a random-looking 64-bit number of its place, modulo
2**64. So it can be added up event by event, over sources and over roll-ups, and costs nothing to keep; two vectors that
differ have the same one with a chance of 2**-64. ClickHouse works out the same number in SQL.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]

_FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93
_STATUS_BASE = 4096
"""Places of status codes begin here, those of buckets (index + 2) lie below."""


def mixed(places: Int64s) -> Int64s:
    """Return a random-looking 64-bit number for each whole number."""
    bits = places.astype(np.uint64) * np.uint64(_FIRST)
    bits ^= bits >> np.uint64(32)
    return (bits * np.uint64(_SECOND)).view(np.int64)


def sql_mixed(place: str) -> str:
    """Return the SQL of the same number, as UInt64."""
    bits = f"(toUInt64({place}) * {_FIRST})"
    return f"(bitXor({bits}, bitShiftRight({bits}, 32)) * {_SECOND})"


_MIXED = mixed(np.arange(2 * _STATUS_BASE))


def bucket_prints(index: npt.NDArray[np.integer]) -> Int64s:
    """Return the number of each bucket, from -1 on."""
    return _MIXED[index.astype(np.int64) + 2]


def status_prints(code: npt.NDArray[np.integer]) -> Int64s:
    """Return the number of each status code."""
    return _MIXED[code.astype(np.int64) + _STATUS_BASE]


SQL_BUCKETS = (
    f"reinterpretAsInt64(arraySum(arrayMap((k, c) -> {sql_mixed('k + 2')} * c, latency_index, latency_count)))"
)
SQL_STATUSES = (
    f"reinterpretAsInt64(arraySum(arrayMap((k, c) -> {sql_mixed(f'k + {_STATUS_BASE}')} * c, "
    "status_code, status_count)))"
)


def _root(power: int) -> int:
    """Return the 64th root of 2**power, rounded down, in whole numbers alone."""
    least, beyond = 1, 2 ** (power // 64 + 1) + 1
    while beyond - least > 1:
        middle = (least + beyond) // 2
        least, beyond = (middle, beyond) if middle**64 <= 2**power else (least, middle)
    return least


GREATEST_US = 3_600_000_000
_UPPER_US: Int64s = np.array([_root(power) for power in range(1, 2034)], np.int64)
"""The greatest whole number in each bucket: bucket k holds (2**(k/64), 2**((k+1)/64)]."""


def bucket_of(durations_us: Int64s) -> Int64s:
    """Return the bucket of each duration, worked out in whole numbers: -1 for 0; above an hour counts as an hour."""
    clamped = np.clip(durations_us, 0, GREATEST_US)
    return np.where(clamped == 0, -1, np.searchsorted(_UPPER_US, clamped, side="left"))


def explained(difference: int) -> str:
    """Return in words which one bucket or status code a difference of fingerprints comes from; else empty."""
    for count in (1, -1, 2, -2, 3, -3):
        found = np.flatnonzero((_MIXED * np.int64(count)) == np.int64(difference))
        if len(found):
            place = int(found[0])
            what = f"bucket {place - 2}" if place < _STATUS_BASE else f"status {place - _STATUS_BASE}"
            return f"{what}: {count:+d}"
    return ""
