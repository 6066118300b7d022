"""What verifying found: counts of what was compared, and differences, each of which names itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec

from pipeline.core.block import NO_MIN_US
from pipeline.core.series import Series

NOTHING = "–"  # noqa: RUF001 - an en dash, as tables have it


class What(StrEnum):
    """Kinds of differences."""

    SLOT = "slot"
    SLOT_MISSING = "slot missing"
    SLOT_WITHOUT_ROWS = "slot without rows"
    WINDOW = "window"
    WINDOW_MISSING = "window missing"
    ROLLUP = "roll-up"
    ROLLUP_MISSING = "roll-up missing"
    ROLLUP_WITHOUT_SLOTS = "roll-up without slots"


class Difference(msgspec.Struct, frozen=True):
    """One thing that is not what raw rows make it.

    - `at_ms`: start of the pane, or end of the step
    - `where`: the source partition of a slot, the window, or the table of a roll-up
    - `column`: what differs, with the bucket or status code of a vector; of something missing, what it would count
    """

    what: What
    series: Series
    at_ms: int
    where: str
    column: str
    expected: str
    found: str


class Compared(msgspec.Struct, frozen=True):
    """How much was compared, how much of it differs, what was left out, and the first differences."""

    counts: Mapping[str, int] = {}
    differing: Mapping[str, int] = {}
    left_out: Mapping[str, int] = {}
    differences: Sequence[Difference] = ()

    def __add__(self, other: Compared) -> Compared:
        return Compared(
            _added(self.counts, other.counts),
            _added(self.differing, other.differing),
            _added(self.left_out, other.left_out),
            [*self.differences, *other.differences],
        )

    @property
    def total_differing(self) -> int:
        """How many slots, windows and roll-ups differ."""
        return sum(self.differing.values())


def _added(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}


Values = Sequence[int | Sequence[int]]


def columns_that_differ(names: Sequence[str], expected: Values, found: Values) -> list[tuple[str, str, str]]:
    """Return (column, expected, found) for each column that differs; of a vector, for each bucket or status code.

    `names` are those of `pipeline.history.slot_columns.VECTORS`.
    """
    scalars = len(names) - 4
    plain = [
        (name, _text(name, one), _text(name, other))
        for name, one, other in zip(names[:scalars], expected, found, strict=False)
        if one != other
    ]
    vectors = [
        (f"{what} {key}", str(one.get(key, 0)), str(other.get(key, 0)))
        for what, at in (("latency bucket", scalars), ("status code", scalars + 2))
        for one, other in ((_counts(expected, at), _counts(found, at)),)
        for key in sorted(one.keys() | other.keys())
        if one.get(key, 0) != other.get(key, 0)
    ]
    return plain + vectors


def _counts(values: Values, at: int) -> dict[int, int]:
    keys, counts = values[at], values[at + 1]
    assert not isinstance(keys, int)
    assert not isinstance(counts, int)
    return dict(zip(keys, counts, strict=True))


def _text(name: str, value: int | Sequence[int]) -> str:
    empty = (name == "latency_min_us" and value == NO_MIN_US) or (name == "latency_max_us" and value == -1)
    return NOTHING if empty else str(value)
