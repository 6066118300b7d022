"""Thresholds in a rules file: how each type of rule writes them, and which could never fire.

Each reader returns the number in the condition's own unit, or raises ValueError with what is allowed.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from pipeline.core.measures.burn import allowed_ratio
from pipeline.core.rules import Budget, BurnRate, Change, Throughput
from pipeline.rules_values import LATENCY_LIMIT_MS

_RATE = re.compile(r"(?P<number>\d+(\.\d+)?)\s*/\s*(?P<unit>[smh])")
_PER_S = {"s": 1, "m": 60, "h": 3_600}
_FACTOR = re.compile(r"(?P<number>\d+(\.\d+)?)\s*x?")


def number(value: object) -> Decimal | None:
    """Return a finite number that is not negative; None for anything else."""
    text = str(value).strip() if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
    try:
        found = Decimal(text)
    except InvalidOperation:
        return None
    return found if found.is_finite() and found >= 0 else None


def ratio(value: object) -> float | None:
    """Return a percentage or a number as a ratio, not negative. Decimal first: 2% is the float nearest to 0.02."""
    text = value.strip() if isinstance(value, str) else ""
    found = number(text.removesuffix("%").strip()) if text.endswith("%") else number(value)
    return None if found is None else float(found / (100 if text.endswith("%") else 1))


def share(value: object, percent: int) -> float:
    """Read a share of calls; `percent` is the example of a message."""
    found = ratio(value)
    if found is None or found > 1:
        raise ValueError(f"a percentage such as {percent}%, or a ratio from 0 to 1 such as {percent / 100}")
    return found


def error_ratio(value: object) -> float:
    """Read an error rate that can be exceeded."""
    found = share(value, 2)
    if found == 1:
        raise ValueError("less than 100%: the error rate is never above that, so this could never fire")
    return found


def success_ratio(value: object) -> float:
    """Read a success rate that can be fallen short of."""
    found = share(value, 95)
    if found == 0:
        raise ValueError("more than 0%: the success rate is never below that, so this could never fire")
    return found


def objective(value: object) -> float:
    """Read the share of calls that are to succeed."""
    found = ratio(value)
    if found is None or not 0 < found < 1:
        raise ValueError("the share of calls that are to succeed, more than 0% and less than 100%, such as 99.9%")
    return found


def per_minute(value: object) -> float:
    """Read a number of calls per minute."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf"):
        return float(value)
    raise ValueError("a number of calls per minute, such as 3")


def whole(value: object) -> float:
    """Read a whole number of errors."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return float(value)
    raise ValueError("a whole number of errors, such as 10")


def per_second(value: object) -> float:
    """Read a rate: a number per second, or 6/m, or 300/h."""
    found = _RATE.fullmatch(value.strip()) if isinstance(value, str) else None
    plain = number(value) if not isinstance(value, str) else None
    if found is not None:
        return float(Decimal(found["number"]) / _PER_S[found["unit"]])
    if plain is not None:
        return float(plain)
    raise ValueError("a rate such as 0.1/s, 6/m or 300/h")


def throughput(condition: Throughput, value: object) -> float:
    """Read a number of calls per second that can be fallen short of, or exceeded."""
    rate = per_second(value)
    if condition.side == "below" and rate == 0:
        raise ValueError("more than 0: fewer calls than none are never made, so this could never fire")
    return rate


def budget_share(condition: Budget, value: object) -> float:
    """Read a share of a budget; more than all of it may be meant."""
    found = ratio(value)
    if found is None:
        raise ValueError("a percentage of the budget such as 80%, or a ratio such as 0.8")
    if found * condition.budget_us >= LATENCY_LIMIT_MS * 1_000:
        raise ValueError("less than 1h of durations: longer calls are counted as 1h, so this could never fire")
    return found


def factor(value: object) -> float | None:
    """Return a number, with or without an x behind it; None for anything else."""
    found = _FACTOR.fullmatch(value.strip()) if isinstance(value, str) else None
    plain = number(value) if not isinstance(value, str) else None
    return float(found["number"]) if found is not None else None if plain is None else float(plain)


def burn_factor(condition: BurnRate, value: object) -> float:
    """Read a burn rate that a total outage exceeds."""
    found = factor(value)
    if found is None:
        raise ValueError("a factor such as 14.4")
    allowed = allowed_ratio(condition.objective)
    if Decimal(repr(found)) * allowed >= 1:
        least = (1 - 1 / Decimal(repr(found))) * 100
        raise ValueError(
            f"less than {float(1 / allowed):.4g}: at an objective of {condition.objective * 100:.6g}% that is the burn "
            f"rate of a total outage, so this could never fire ({found:g} needs an objective above {float(least):.4g}%)"
        )
    return found


def change_factor(condition: Change, value: object) -> float:
    """Read a factor on the side on which the rule looks."""
    found = factor(value)
    if found is None:
        raise ValueError("a factor such as 3, or 0.5 with side: below")
    if condition.side == "below" and not 0 < found <= 1:
        raise ValueError("more than 0 and at most 1, as side is below: nothing falls below 0, and 1 is no change")
    if condition.side == "above" and found < 1:
        raise ValueError("1 or more, as side is above: less than that is what every quiet minute has")
    return found
