"""Logarithmic latency buckets shared by Kafka, Faust and ClickHouse.

Layout: DDSketch with ``gamma = 2**(1/64)``, which is at once ClickHouse's ``quantilesDD(ALPHA)``, an OpenTelemetry
exponential histogram of scale 6 and a Prometheus native histogram of schema 6. Values are whole microseconds. Bucket
``k`` holds ``(2**(k/64), 2**((k+1)/64)]``; index ``ZERO_INDEX`` (-1) holds exact zeros. Every quantile estimate is
within ``ALPHA`` (0.5416 %) of the true value at that rank (Masson, Rim, Lee: DDSketch, VLDB 2019).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

GAMMA = 2.0 ** (1 / 64)
ALPHA = 0.005415159415902577
MAX_US = 3_600_000_000
ZERO_INDEX = -1
MAX_INDEX = 2032
WIDTH = MAX_INDEX + 2
"""Columns of a dense histogram: column ``index + 1``, so that zeros stand in column 0."""

_BLOCK = 113
_BLOCKS = WIDTH // _BLOCK
"""18 blocks of 113 columns are all 2,034, and near the square root."""

_LN_GAMMA = math.log(GAMMA)

Int64s = npt.NDArray[np.int64]
Int16s = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float64]


def index_of(values_us: Int64s) -> Int16s:
    """Return the bucket index, int16 in ``[-1, 2032]``, of each duration in microseconds.

    Durations are clamped to ``[0, MAX_US]``. About 10 ns a value in arrays of 10,000 and more.
    """
    clamped = np.clip(values_us, 0, MAX_US)
    index = np.floor(np.log(np.maximum(clamped, 1)) / _LN_GAMMA).astype(np.int16)
    index[clamped == 0] = ZERO_INDEX
    return index


def estimate_us(index: npt.NDArray[np.integer] | int) -> Floats:
    """Return the estimate in microseconds for bucket indexes: ``2**(k/64) * (1 + ALPHA)``, as ClickHouse has it."""
    k = np.asarray(index, dtype=np.float64)
    return np.where(k < 0, 0.0, np.exp2(k / 64) * (1 + ALPHA))


ESTIMATES_US: Floats = estimate_us(np.arange(-1, MAX_INDEX + 1))
"""Estimate by dense column: ``ESTIMATES_US[index + 1]``, shape (WIDTH,)."""


def threshold_column(threshold_us: int) -> int:
    """Return the first dense column that counts as "at or above" a threshold: the bucket that holds it.

    A call of exactly the threshold counts; one up to 1.1 % faster may share its bucket and then counts too.
    """
    return int(index_of(np.array([threshold_us], dtype=np.int64))[0]) + 1


def quantiles_us(dense: npt.NDArray[np.integer], quantiles: tuple[float, ...]) -> Floats:
    """Return nearest-rank quantile estimates in microseconds, shape ``(rows, len(quantiles))``; NaN where empty.

    `dense` has shape ``(rows, WIDTH)``. The rank of quantile ``q`` over ``n`` values is ``ceil(q * n)``, at least 1.
    Sums of blocks say in which block a rank lies, so only that one is gone through: about 7 µs a row for four.
    """
    blocks = dense.reshape(dense.shape[0], _BLOCKS, _BLOCK)
    ends = np.cumsum(blocks.sum(axis=2, dtype=np.int64), axis=1)
    totals = ends[:, -1:]
    ranks = np.maximum(np.ceil(np.array(quantiles) * totals - 1e-9), 1)
    block = np.minimum((ends[:, None, :] < ranks[:, :, None]).sum(axis=2), _BLOCKS - 1)
    rows = np.arange(dense.shape[0])[:, None]
    before = np.where(block > 0, ends[rows, block - 1], 0)
    inside = np.cumsum(blocks[rows, block], axis=2, dtype=np.int64) + before[:, :, None]
    columns = block * _BLOCK + (inside < ranks[:, :, None]).sum(axis=2)
    return np.where(totals > 0, ESTIMATES_US[np.minimum(columns, WIDTH - 1)], np.nan)
