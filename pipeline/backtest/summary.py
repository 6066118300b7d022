"""What the episodes of a range come to, rule by rule."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from pipeline.backtest.episodes import Episode

WEEK_MS = 7 * 86_400_000


@dataclass(frozen=True, slots=True)
class RuleSummary:
    """One rule over a range.

    - `episodes`: those that fired in it; `ongoing`: those that fired already when it began
    - `passed`: those that were pending and never fired
    - `pages_per_week`, `notices_per_week`: at the pace of the range
    - `longest_ms`: the longest that one fired within the range; None where none did
    - `detected_in_ms`: median over episodes of the time from the beginning of the trouble to the firing
    """

    rule: str
    episodes: int
    ongoing: int
    passed: int
    notices: int
    pages: int
    notices_per_week: float
    pages_per_week: float
    longest_ms: int | None
    detected_in_ms: float | None


def summaries(rules: Iterable[str], episodes: Iterable[Episode], from_ms: int, to_ms: int) -> list[RuleSummary]:
    """Return a summary for each rule, in their order, also of those that never fired."""
    by_rule: dict[str, list[Episode]] = {rule: [] for rule in rules}
    for one in episodes:
        by_rule.setdefault(one.rule, []).append(one)
    return [_summary(rule, found, from_ms, to_ms) for rule, found in by_rule.items()]


def _summary(rule: str, found: Sequence[Episode], from_ms: int, to_ms: int) -> RuleSummary:
    fired = [one for one in found if one.fired_ms is not None]
    begun = [one for one in fired if one.fired_ms is not None and one.fired_ms > from_ms]
    notices, pages = sum(one.notices for one in found), sum(one.pages for one in found)
    detected = [in_ms for one in begun if (in_ms := one.detected_in_ms()) is not None]
    length_ms = to_ms - from_ms
    return RuleSummary(
        rule=rule,
        episodes=len(begun),
        ongoing=len(fired) - len(begun),
        passed=sum(one.fired_ms is None and one.ended_ms is not None for one in found),
        notices=notices,
        pages=pages,
        notices_per_week=notices * WEEK_MS / length_ms,
        pages_per_week=pages * WEEK_MS / length_ms,
        longest_ms=max((one.fired_for_ms(from_ms, to_ms) for one in fired), default=None),
        detected_in_ms=median(detected) if detected else None,
    )
