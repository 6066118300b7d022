"""Which examples an alert shows, by what its rule is about."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.core.condition_groups import is_of_durations, is_of_failures
from pipeline.core.conditions import OfErrors
from pipeline.core.example import SEVERITIES, Kind
from pipeline.core.rules import Condition, SlowOperations


@dataclass(frozen=True, slots=True)
class Wanted:
    """Kinds of examples; of slow calls those that took at least `least_us`."""

    kinds: tuple[Kind, ...]
    least_us: int = 0


def wanted_by(condition: Condition) -> Wanted | None:
    """Return which examples are behind a condition's value; None where no event is, as of silence."""
    if isinstance(condition, OfErrors):
        return Wanted(SEVERITIES[SEVERITIES.index(condition.least) :])
    if isinstance(condition, SlowOperations):
        return Wanted(("slow",), condition.slow_from_us)
    if is_of_failures(condition):
        without = getattr(condition, "exclude_client_errors", False)
        return Wanted(("failed",) if without else ("failed", "client_error"))
    return Wanted(("slow",)) if is_of_durations(condition) else None
