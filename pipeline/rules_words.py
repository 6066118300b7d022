"""What a mistake in a rules file is, and how it is put into words."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

_ELSEWHERE = {
    "system_down": "absence",
    "no_data": "absence",
    "latency": "response_time",
    "percentile": "statistic",
    "threshold": "severities",
    "thresholds": "severities",
    "pending": "for",
    "team": "labels",
    "disabled": "enabled",
    "slo": "burn_rate",
    "target": "objective",
    "traffic": "throughput",
}
"""Words that other systems use, and ours."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake in a rules file. Lines count from 1."""

    line: int
    text: str


def describe(value: object) -> str:
    """Return a value as a message shows it."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(str(value)) if isinstance(value, str) else str(value)


def likeliest(word: object, allowed: Iterable[str]) -> str | None:
    """Return which of the allowed words was meant, None if none is near."""
    allowed = list(allowed)
    near = difflib.get_close_matches(str(word), allowed, n=1)
    meant = near[0] if near else _ELSEWHERE.get(str(word), "")
    return meant if meant in allowed else None


def unknown_word(what: str, word: object, allowed: Iterable[str]) -> str:
    """Return the message for a word that is not among the allowed ones, with the likeliest of them."""
    allowed = list(allowed)
    meant = likeliest(word, allowed)
    hint = f"did you mean {meant}? " if meant else ""
    return f"{what} {describe(word)} is unknown; {hint}allowed: {', '.join(allowed)}"
