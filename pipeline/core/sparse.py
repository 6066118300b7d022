"""Counts by code, sparse: sorted codes with their sums. What a pane keeps its histograms in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sparse:
    """`codes` ascending and each once, `counts` of the same shape."""

    codes: Int64s
    counts: Int64s


EMPTY = Sparse(np.empty(0, np.int64), np.empty(0, np.int64))


def count(codes: Int64s, weights: Int64s | None) -> Sparse:
    """Return how often each code occurs (None), or the sum of its weights."""
    if weights is None:
        return Sparse(*np.unique(codes, return_counts=True))
    return _summed(codes, weights)


def merge(*parts: Sparse) -> Sparse:
    """Return the sum of several counts, in any order the same."""
    return _summed(np.concatenate([p.codes for p in parts]), np.concatenate([p.counts for p in parts]))


def _summed(codes: Int64s, weights: Int64s) -> Sparse:
    if not codes.size:
        return EMPTY
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    return Sparse(ordered[starts], np.add.reduceat(weights[order], starts))
