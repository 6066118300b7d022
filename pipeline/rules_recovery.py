"""Recovery thresholds in a rules file: from where on a severity that was reached is over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from pipeline.core.rules import Threshold
from pipeline.rules_words import describe

Mistake = tuple[str | None, str]
"""The key in the mapping at which it is, None for the mapping itself; and the text."""


def read_recovery(
    value: object, thresholds: Sequence[Threshold], read: Callable[[object], float], *, below: bool
) -> tuple[tuple[Threshold, ...], list[Mistake]]:
    """Return the recovery thresholds that a value of the file gives, and what is wrong with it.

    A mapping of severities to thresholds, or one threshold for the least severity. `below`: a breach is a value below
    its threshold, and recovers above it.
    """
    given = value if isinstance(value, Mapping) else {thresholds[0].severity: value}
    found: list[Threshold] = []
    mistakes: list[Mistake] = []
    for threshold in thresholds:
        if threshold.severity in given:
            try:
                found.append(Threshold(threshold.severity, read(given[threshold.severity])))
            except ValueError as error:
                text = f"found {describe(given[threshold.severity])}; allowed: {error}"
                mistakes.append((threshold.severity, f"recovery {threshold.severity}: {text}"))
    names = [threshold.severity for threshold in thresholds]
    mistakes += [
        (str(key), f"recovery {describe(key)} is no severity of this rule; it has {', '.join(names)}")
        for key in given
        if key not in names
    ]
    if not mistakes:
        mistakes += _misplaced(given, thresholds, found, below=below)
    if not isinstance(value, Mapping):
        mistakes = [(None, text) for _, text in mistakes]
    return tuple(found), mistakes


def _misplaced(
    given: Mapping[object, object], thresholds: Sequence[Threshold], found: Sequence[Threshold], *, below: bool
) -> list[Mistake]:
    """Return what is wrong with the order: each on the good side of its threshold, the graver one further out."""
    own = {threshold.severity: threshold.value for threshold in found}
    side, sign = ("less", -1) if below else ("more", 1)
    mistakes: list[Mistake] = [
        (
            one.severity,
            f"recovery {one.severity}: {shown(given, one)} must not be {side} than where it begins, in severities",
        )
        for one in thresholds
        if one.severity in own and sign * own[one.severity] > sign * one.value
    ]
    for milder, graver in pairwise(thresholds):
        ends = [own.get(one.severity, one.value) for one in (milder, graver)]
        if not mistakes and sign * ends[1] < sign * ends[0]:
            last = graver if graver.severity in own else milder
            text = f"{graver.severity} would be over after {milder.severity}, which is milder"
            mistakes.append((last.severity, f"recovery {last.severity}: {shown(given, last)}: {text}"))
    return mistakes


def shown(given: Mapping[object, object], threshold: Threshold) -> str:
    """Return a threshold as the file has it."""
    return describe(given[threshold.severity]).strip("'")
