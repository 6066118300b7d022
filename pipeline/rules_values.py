"""Values in a rules file: each reader returns the value or raises ValueError with what is allowed."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

from pipeline.core.alert_template import NAMES, mistake_in
from pipeline.core.rules import DAY_MS, Severity
from pipeline.core.series import Series

Reader = Callable[[object], object]

_DURATION = re.compile(r"(?P<number>\d+(\.\d+)?)\s*(?P<unit>ms|s|m|h|d)")
_UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": DAY_MS}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_LINK = re.compile(r"https?://[^\s/?#]+[^\s]*")
MESSAGE_CHARACTERS = 500
LEAST_CONFIDENCE, MOST_CONFIDENCE = 0.5, 0.9999
_STATISTIC = re.compile(r"p(?P<percent>\d{1,2}(\.\d+)?)")
LATENCY_LIMIT_MS = 3_600_000
"""Longer calls are counted as an hour."""


def rule_name(value: object) -> str:
    """Read a rule's name."""
    if isinstance(value, str) and _NAME.fullmatch(value):
        return value
    raise ValueError("a name of at most 100 letters, digits, dots, dashes and underscores")


def flag(value: object) -> bool:
    """Read true or false."""
    if isinstance(value, bool):
        return value
    raise ValueError("true or false")


def samples(value: object) -> int:
    """Read a number of events."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return int(value)
    raise ValueError("a whole number from 1 on")


def duration_ms(value: object) -> int:
    """Read a duration as whole milliseconds; 0 needs no unit."""
    if value == 0 and not isinstance(value, bool):
        return 0
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("a duration with its unit, such as 250ms, 30s, 5m or 1h")
    exact = Decimal(found["number"]) * _UNIT_MS[found["unit"]]
    if exact != int(exact):
        raise ValueError("a duration of whole milliseconds, such as 250ms")
    return int(exact)


def long_duration_ms(value: object) -> int:
    """Read a duration that is not zero, as whole milliseconds."""
    return duration_ms(value) or _refuse("a duration longer than 0, such as 30s or 5m")


def _refuse(allowed: str) -> int:
    raise ValueError(allowed)


def latency_us(value: object) -> int:
    """Read a duration of a call as whole microseconds: more than 0, less than the hour at which latencies end."""
    length_ms = long_duration_ms(value)
    if length_ms >= LATENCY_LIMIT_MS:
        raise ValueError("less than 1h: longer calls are counted as 1h, so this could never happen")
    return length_ms * 1_000


def silence_ms(value: object) -> int:
    """Read how long a series may be silent, as whole milliseconds."""
    length_ms = long_duration_ms(value)
    if length_ms >= DAY_MS:
        raise ValueError("less than 24h: a series that was silent for so long is no longer expected")
    return length_ms


def statistic(value: object) -> tuple[str, float]:
    """Read a statistic of durations: its kind, and the quantile of a percentile (0.95 for p95)."""
    if value in ("avg", "max"):
        return str(value), 0.0
    found = _STATISTIC.fullmatch(value) if isinstance(value, str) else None
    if found is None or Decimal(found["percent"]) == 0:
        raise ValueError("avg, max or a percentile such as p50, p95, p99 or p99.9")
    return "percentile", float(Decimal(found["percent"]) / 100)


def confidence(value: object) -> float:
    """Read how sure a rate must be."""
    if isinstance(value, int | float) and not isinstance(value, bool) and LEAST_CONFIDENCE <= value <= MOST_CONFIDENCE:
        return float(value)
    raise ValueError(f"a number from {LEAST_CONFIDENCE} to {MOST_CONFIDENCE}, such as 0.95")


def message(value: object) -> str:
    """Read a template of what people are told."""
    if not isinstance(value, str) or not 0 < len(value.strip()) <= MESSAGE_CHARACTERS:
        raise ValueError(f"a text of at most {MESSAGE_CHARACTERS} characters")
    mistake = mistake_in(value)
    if mistake is None:
        return value.strip()
    names = ", ".join(f"{{{name}}}" for name in NAMES)
    raise ValueError(f"a text with {names} in it, and not {mistake} (a brace itself is written twice)")


def runbook(value: object) -> str:
    """Read a link."""
    if isinstance(value, str) and _LINK.fullmatch(value):
        return value
    raise ValueError("a link that begins with https:// or http://")


def globs(value: object) -> tuple[str, ...]:
    """Read one glob or a list of them."""
    several = [value] if isinstance(value, str) else value
    if isinstance(several, list) and several and all(isinstance(one, str) and one for one in several):
        return tuple(str(one) for one in several)
    raise ValueError('a name or glob, or a list of them, such as "checkout*" or [pay, refund]')


def one_of(*allowed: str) -> Callable[[object], str]:
    """Return the reader of one of a few words."""

    def read(value: object) -> str:
        if value in allowed:
            return str(value)
        raise ValueError(", ".join(allowed[:-1]) + " or " + allowed[-1])

    return read


severity: Callable[[object], Severity] = one_of("info", "warning", "critical")  # type: ignore[assignment]  # its words

_PARTS = {"operation": 3, "service": 2, "overall": 1}


def expected_series(value: object, group_by: str) -> tuple[Series, ...]:
    """Read the series that are expected, written as in alerts: environment/service/operation, as `group_by` has it."""
    shape = "/".join(("environment", "service", "operation")[: _PARTS[group_by]])
    allowed = f"a list of {shape}, each with all its parts, as the rule has group_by: {group_by}"
    if not isinstance(value, list) or not value:
        raise ValueError(allowed)
    found = []
    for one in value:
        parts = str(one).split("/", _PARTS[group_by] - 1) if isinstance(one, str) else []
        if len(parts) != _PARTS[group_by] or not all(parts):
            raise ValueError(allowed)
        found.append(Series(*[*parts, "", ""][:3]))
    return tuple(found)
