"""Which rows of a shard a rule watches."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import translate
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pipeline.core.rules import Absence, GroupBy, Match, Rule
from pipeline.core.series import OVERFLOW, Series

Rows = npt.NDArray[np.intp]
_FIELDS = ("environment", "service", "operation")


@lru_cache(maxsize=4_096)
def _pattern(globs: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(translate(glob) for glob in globs))


def _fits(globs: tuple[str, ...], name: str) -> bool:
    return not globs or _pattern(globs).match(name) is not None


def watches(rule: Rule, series: Series) -> bool:
    """Return whether a rule covers a series: the right roll-up, and its globs fit.

    Absence passes over the overflow series, which come and go by chance; with `expect` it covers those named alone.
    """
    if isinstance(rule.condition, Absence):
        if rule.condition.expect:
            return series in rule.condition.expect
        if OVERFLOW in series:
            return False
    return series.rollup == rule.group_by and all(
        _fits(getattr(rule.match, field), getattr(series, field)) for field in _FIELDS
    )


class RowIndex:
    """Rows of one list of series by what rules ask for: worked out once per list, shared by all rules.

    `named`: bool (rows,), which are no overflow series.

    Globs are tried on distinct names and not on rows, so a thousand rules over a thousand series take some 50 ms the
    first time and nothing while the list stays the same.
    """

    def __init__(self, series: Sequence[Series]) -> None:
        self._series = list(series)
        self.row_of = {one: row for row, one in enumerate(self._series)}
        # Which series overflow is a matter of chance: they come and go.
        self.named = np.fromiter((OVERFLOW not in one for one in self._series), np.bool_, len(self._series))
        self._rollup = np.array([one.rollup for one in self._series], dtype="U9")
        self._names: dict[str, list[str]] = {}
        self._codes: dict[str, npt.NDArray[np.intp]] = {}
        for field in _FIELDS:
            distinct: dict[str, int] = {}
            self._codes[field] = np.array(
                [distinct.setdefault(getattr(one, field), len(distinct)) for one in self._series], dtype=np.intp
            )
            self._names[field] = list(distinct)
        self._rows: dict[tuple[GroupBy, Match], Rows] = {}

    def is_for(self, series: Sequence[Series]) -> bool:
        """Return whether the list is still the one that was indexed."""
        return list(series) == self._series

    def rows(self, group_by: GroupBy, match: Match) -> Rows:
        """Return the rows of a roll-up whose names fit, ascending."""
        key = (group_by, match)
        found = self._rows.get(key)
        if found is None:
            found = self._rows[key] = np.flatnonzero(self._mask(group_by, match))
        return found

    def _mask(self, group_by: GroupBy, match: Match) -> npt.NDArray[np.bool_]:
        mask: npt.NDArray[np.bool_] = np.equal(self._rollup, group_by)
        for field in _FIELDS:
            globs = getattr(match, field)
            if globs and mask.any():
                fits = np.array([_fits(globs, name) for name in self._names[field]], dtype=np.bool_)
                mask &= fits[self._codes[field]]
        return mask
