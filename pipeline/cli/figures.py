"""Figures as people read them in a terminal: three digits that count, units, a word for nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

NOTHING = "–"  # noqa: RUF001 - an en dash, as tables have it
_BARS = "▁▂▃▄▅▆▇█"
_SECOND_MS = 1_000
_IN_MINUTES_FROM_S = 120
_UNITS = ("B", "kB", "MB", "GB", "TB")


def duration(milliseconds: float | None) -> str:
    """Return ``0.41 ms``, ``38 ms``, ``1.24 s``, ``3.0 min``; a dash for None."""
    if milliseconds is None:
        return NOTHING
    if milliseconds < _SECOND_MS:
        return f"{milliseconds:.{_digits(milliseconds)}f} ms"
    seconds = milliseconds / _SECOND_MS
    return f"{seconds:.{_digits(seconds)}f} s" if seconds < _IN_MINUTES_FROM_S else f"{seconds / 60:.1f} min"


def percent(ratio: float | None) -> str:
    """Return a ratio as percent, ``0.42 %``; a dash for None."""
    return NOTHING if ratio is None else f"{ratio * 100:.{_digits(ratio * 100)}f} %"


def rate(per_second: float) -> str:
    """Return a rate with as many digits as count."""
    return f"{per_second:,.{min(_digits(per_second), 2)}f}"


def count(number: int) -> str:
    """Return a whole number with commas between thousands."""
    return f"{number:,}"


def size(amount_bytes: float) -> str:
    """Return bytes as ``812 B``, ``1.4 MB``, ``12 GB``, in steps of 1,000."""
    power = min(int(math.log(max(amount_bytes, 1), 1_000)), len(_UNITS) - 1)
    amount = amount_bytes / 1_000**power
    return f"{amount:.{min(_digits(amount), 1) if power else 0}f} {_UNITS[power]}"


def clock(timestamp_ms: int) -> str:
    """Return the time of day in UTC, ``14:03:20``."""
    return f"{datetime.fromtimestamp(timestamp_ms / 1_000, UTC):%H:%M:%S}"


def moment(timestamp_ms: int) -> str:
    """Return date and time of day in UTC, ``2017-05-16 00:14:47``."""
    return f"{datetime.fromtimestamp(timestamp_ms / 1_000, UTC):%Y-%m-%d %H:%M:%S}"


def measured(value: float | None, unit: str) -> str:
    """Return a rule's value or threshold with its unit as people write it."""
    if value is None:
        return NOTHING
    if unit == "ratio":
        return percent(value)
    if unit in ("ms", "s"):
        return duration(value * (1_000 if unit == "s" else 1))
    if unit == "factor":
        return f"{value:,.6g}x"
    return f"{value:,.6g} {unit.replace('per_', 'per ')}".removesuffix(" count")


def sparkline(values: Sequence[float]) -> str:
    """Return a bar for each value, from none to the greatest; empty for no values."""
    top = max(values, default=0) or 1
    return "".join(_BARS[min(int(value / top * len(_BARS)), len(_BARS) - 1)] for value in values)


def _digits(number: float) -> int:
    """How many decimals keep three digits that count, at most 2."""
    return max(0, 2 - int(math.log10(abs(number)))) if abs(number) >= 1 else 2 if number else 0
