"""What of a slot is compared, and how rows and slots add up to it in SQL.

Two forms of the same. With `VECTORS` a slot's histogram and status codes come as they are. Adding those up costs
ClickHouse ten times as much as all the rest, so most comparing is done with `FINGERPRINTS`: of each vector two sums of
its counts, each count times a hash of its bucket, modulo 2**64. They add up as the vectors do, and two vectors that
differ in any count agree in both with a chance of about 2**-120.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.core.block import ADDITIVE, NO_MIN_US

EXTREMES = ("latency_min_us", "latency_max_us")
SERIES = ("environment", "service", "operation", "dimensions")
SLOT_KEY = ("epoch", "source", "pane_ms", *SERIES)

NONE_YET = {"latency_min_us": NO_MIN_US, "latency_max_us": -1}
"""Extremes where there was no call."""


@dataclass(frozen=True, slots=True)
class Form:
    """How histograms and status codes stand in statements.

    - `names`: their columns, after the counts and extremes
    - `of_rows`: adds up operation events with columns ``w``, ``bucket`` and ``status_code``
    - `of_nothing`: the same for error events, which have neither
    - `added`: adds up what has these columns; ``{p}`` stands before each
    - `of_slot`: makes them of a row of `slots_log`, or of a roll-up
    """

    names: tuple[str, ...]
    of_rows: str
    of_nothing: str
    added: str
    of_slot: str

    @property
    def columns(self) -> tuple[str, ...]:
        """Everything that is compared, in order."""
        return (*ADDITIVE, *EXTREMES, *self.names)

    @property
    def selected(self) -> str:
        """Return the SQL of all of them, of a row of `slots_log` or a roll-up."""
        return f"{listed((*ADDITIVE, *EXTREMES))}, {self.of_slot}"

    @property
    def values(self) -> str:
        """Return the SQL of a tuple of all of them."""
        return f"({self.selected})"

    def summed(self, prefix: str) -> str:
        """Return the SQL that adds rows with these columns up, under the same names."""
        counts = ", ".join(f"sum({prefix}{name}) AS {name}" for name in ADDITIVE)
        extremes = f"min({prefix}latency_min_us) AS latency_min_us, max({prefix}latency_max_us) AS latency_max_us"
        return f"{counts}, {extremes}, {self.added.replace('{p}', prefix)}"


def listed(names: Iterable[str], prefix: str = "") -> str:
    """Return names as a statement lists them."""
    return ", ".join(f"{prefix}{name}" for name in names)


_VECTOR_NAMES = ("latency_index", "latency_count", "status_code", "status_count")
VECTORS = Form(
    names=_VECTOR_NAMES,
    of_rows="""
        sumMap([bucket], [w]) AS latency_, sumMapIf([status], [w], status > 0) AS status_,
        latency_.1 AS latency_index, latency_.2 AS latency_count,
        status_.1 AS status_code, status_.2 AS status_count""",
    of_nothing="""
        CAST([], 'Array(Int16)') AS latency_index, CAST([], 'Array(UInt64)') AS latency_count,
        CAST([], 'Array(UInt16)') AS status_code, CAST([], 'Array(UInt64)') AS status_count""",
    added="""
        sumMap({p}latency_index, {p}latency_count) AS latency_, sumMap({p}status_code, {p}status_count) AS status_,
        latency_.1 AS latency_index, latency_.2 AS latency_count,
        status_.1 AS status_code, status_.2 AS status_count""",
    of_slot=listed(_VECTOR_NAMES),
)

_HASHES = {"first": "sipHash64", "second": "xxHash64"}
_PRINT_NAMES = tuple(f"{vector}_{which}" for vector in ("latency", "status") for which in _HASHES)
FINGERPRINTS = Form(
    names=_PRINT_NAMES,
    of_rows=", ".join(
        [
            *(f"sum(w * {function}(bucket)) AS latency_{which}" for which, function in _HASHES.items()),
            *(f"sumIf(w * {function}(status), status > 0) AS status_{which}" for which, function in _HASHES.items()),
        ]
    ),
    of_nothing=", ".join(f"toUInt64(0) AS {name}" for name in _PRINT_NAMES),
    added=", ".join(f"sum({{p}}{name}) AS {name}" for name in _PRINT_NAMES),
    of_slot=", ".join(
        f"arraySum(arrayMap((k, n) -> n * {function}(k), {keys}, {counts})) AS {vector}_{which}"
        for vector, keys, counts in (
            ("latency", "latency_index", "latency_count"),
            ("status", "status_code", "status_count"),
        )
        for which, function in _HASHES.items()
    ),
)
