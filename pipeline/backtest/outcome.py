"""What a backtest gives: its episodes, each with when its trouble began."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.backtest.episodes import Episodes
from pipeline.backtest.planning import Place, Plan
from pipeline.backtest.running import Backtest, Tell
from pipeline.backtest.trouble import trouble_began_ms
from pipeline.core.alert_transition import Transition
from pipeline.core.rules import Rule
from pipeline.errors import FatalError

MOST_TRANSITIONS = 500_000
"""Some 500 MB of them; nobody reads so many."""


def run_backtest(
    place: Place, rules: Sequence[Rule], planned: Plan, tell: Tell, most: int = MOST_TRANSITIONS
) -> Episodes:
    """Return the episodes of a range; FatalError where there are far too many of them."""
    span = planned.span
    found, run = Episodes(span.from_ms, span.to_ms), Backtest(place, rules, planned)
    transitions = 0
    for evaluation in run.evaluations(tell):
        for one in evaluation.transitions:
            if one.alert is None or one.alert.step_end_ms > span.to_ms:
                continue
            transitions += 1
            _take(found, run, one)
        if transitions > most:
            raise FatalError(
                f"The rules change the state of alerts more than {most:,} times in the range, most of all "
                f"{_busiest(found)}. Choose a shorter range, or give that rule `for`, `keep_firing` or a threshold "
                "further out"
            )
    return found


def _take(found: Episodes, run: Backtest, one: Transition) -> None:
    alert = one.alert
    assert alert is not None
    episode = found.take(alert)
    rule = run.engine.rules.by_name.get(alert.rule)
    if rule is not None and alert.state == "firing" and episode.troubled_ms is None:
        blocks, pane_ms = run.engine.blocks, run.pane_ms
        episode.troubled_ms = trouble_began_ms(rule, alert, one.state.series, blocks, pane_ms)


def _busiest(found: Episodes) -> str:
    counts: dict[str, int] = {}
    for one in found:
        counts[one.rule] = counts.get(one.rule, 0) + len(one.stretches)
    return max(counts, key=counts.__getitem__)
