"""Where rows of a window stand among those that were asked for."""

from __future__ import annotations

import numpy as np

from pipeline.core.block import Int64s


class RowPlaces:
    """Places of `rows`, which don't repeat, in their own order; every other row has the place after the last."""

    def __init__(self, rows: Int64s) -> None:
        self._beyond = rows.size
        self._place = np.full(int(rows.max(initial=-1)) + 1, self._beyond)
        self._place[rows] = np.arange(rows.size)

    def of(self, rows: Int64s) -> Int64s:
        """Return the place of each row."""
        known = rows < self._place.size
        places = np.full(rows.size, self._beyond)
        places[known] = self._place[rows[known]]
        return places
