"""Which numbers of a long sequence are there, as few ranges."""

from __future__ import annotations

from bisect import bisect_left, bisect_right


class Ranges:
    """A set of whole numbers that is mostly contiguous; kept as sorted, disjoint ranges ``[first, past)``."""

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._pasts: list[int] = []

    def add(self, first: int, past: int) -> None:
        """Add ``[first, past)``; what touches or overlaps becomes one range."""
        low, high = bisect_left(self._pasts, first), bisect_right(self._firsts, past)
        if low < high:
            first, past = min(first, self._firsts[low]), max(past, self._pasts[high - 1])
        self._firsts[low:high], self._pasts[low:high] = [first], [past]

    def total(self) -> int:
        """How many numbers there are."""
        return sum(self._pasts) - sum(self._firsts)

    def all(self) -> tuple[tuple[int, int], ...]:
        """Every range, in order."""
        return tuple(zip(self._firsts, self._pasts, strict=True))
