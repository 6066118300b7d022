"""What a single error would fire, in sentences: at a traffic, or whenever there is too little of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline.core.one_error import OneError, one_error
from pipeline.core.rules import Rule
from pipeline.errors import FatalError
from pipeline.rules_thresholds import per_second
from pipeline.settings import window_ms

_HOUR_MS = 3_600_000


def per_hour(traffic: str) -> float | None:
    """Return calls per hour from what people write, None for nothing; FatalError for anything else."""
    if not traffic:
        return None
    try:
        return per_second(traffic) * 3_600
    except ValueError as error:
        raise FatalError(f"--traffic {traffic} can't be used; allowed: {error}, the calls of one series") from None


def one_error_notes(rules: Sequence[Rule], calls_per_hour: float | None) -> Iterator[str]:
    """Yield a sentence for each rule that one error fires; with a traffic, for those alone that it fires at that."""
    for rule in rules:
        length_ms = window_ms(rule.window)
        found = one_error(rule, length_ms)
        if found is None:
            continue
        text = f"{rule.name}: one error fires this ({rule.severity_at(1)}) {_whenever(rule, found)}"
        if calls_per_hour is None:
            yield text
            continue
        calls = calls_per_hour * length_ms / _HOUR_MS
        if found.least <= calls and (found.most is None or calls <= found.most):
            yield f"{text}; at {calls_per_hour:.4g} calls an hour there are {calls:.4g}"


def _whenever(rule: Rule, found: OneError) -> str:
    if found.most is None:
        return "however many calls there are"
    calls = f"{found.most} calls or fewer" if found.least <= 1 else f"{found.least} to {found.most} calls"
    return f"whenever there are {calls} in {rule.window}"
