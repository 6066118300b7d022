"""The bucket of a duration in SQL, from whole numbers: the same as `pipeline.core.histogram.index_of` for every one.

Bucket ``k`` holds ``(2**(k/64), 2**((k+1)/64)]``, so it ends at the greatest whole ``v`` with ``v**64 <= 2**(k+1)``. A
logarithm in doubles says which bucket it is give or take one; comparing with the ends says which, whatever the maths
library. One microsecond stands in bucket 0.
"""

from __future__ import annotations

from pipeline.core.histogram import MAX_INDEX, MAX_US, ZERO_INDEX

_PER_OCTAVE = 64


def _end_us(bucket: int) -> int:
    """Return the greatest whole duration in a bucket, at most `MAX_US`."""
    power = 1 << (bucket + 1)
    end = int(2.0 ** ((bucket + 1) / _PER_OCTAVE)) + 1
    while end**_PER_OCTAVE > power:
        end -= 1
    return min(end, MAX_US)


ENDS_US: tuple[int, ...] = tuple(_end_us(bucket) for bucket in range(MAX_INDEX + 1))
"""Greatest duration in microseconds of each bucket from 0 on; buckets below about 64 µs can be empty."""

BUCKET_ENDS = f"WITH [{','.join(map(str, ENDS_US))}] AS bucket_ends"
"""What a statement with `bucket_sql` begins with."""


def bucket_sql(column: str) -> str:
    """Return the SQL expression of the bucket, Int16, of a column of microseconds in ``[0, MAX_US]``."""
    near = f"toInt32(floor(log2(greatest({column}, 1)) * {_PER_OCTAVE}))"
    # Arrays count from 1, and give 0 beyond their ends: bucket_ends[near] is the end of the bucket before.
    exact = f"{near} - ({column} <= bucket_ends[{near}]) + ({column} > bucket_ends[{near} + 1])"
    return f"toInt16(multiIf({column} = 0, {ZERO_INDEX}, {column} = 1, 0, {exact}))"
