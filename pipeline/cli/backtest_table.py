"""What a backtest gave, as a table, as sentences and as facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from msgspec import to_builtins
from rich.markup import escape
from rich.table import Table

from pipeline.backtest.episodes import Episode
from pipeline.backtest.planning import Plan
from pipeline.backtest.summary import RuleSummary
from pipeline.cli.figures import NOTHING, count, moment, rate
from pipeline.cli.rules_outcome import clock


@dataclass(frozen=True, slots=True)
class Told:
    """All that is told: `fired_live` by rule, None where it was not asked for."""

    planned: Plan
    summaries: Sequence[RuleSummary]
    episodes: Sequence[Episode]
    fired_live: Mapping[str, int] | None
    seconds: float


def summary_table(told: Told) -> Table:
    """Return a row for each rule."""
    table = Table(box=None, pad_edge=False, header_style="bold dim")
    table.add_column("rule", no_wrap=True)
    live = ["fired live"] if told.fired_live is not None else []
    headings = ("episodes", *live, "pages", "notices", "pages a week", "notices a week", "longest", "detected in")
    for heading in headings:
        table.add_column(heading, justify="right")
    for one in told.summaries:
        fired_live = [count(told.fired_live.get(one.rule, 0))] if told.fired_live is not None else []
        table.add_row(
            escape(one.rule), count(one.episodes), *fired_live, count(one.pages), count(one.notices),
            rate(one.pages_per_week), rate(one.notices_per_week), _length(one.longest_ms), _length(one.detected_in_ms),
            style="" if one.episodes or one.ongoing else "dim",
        )  # fmt: skip
    return table


def _length(length_ms: float | None) -> str:
    return NOTHING if length_ms is None else clock(round(length_ms / 1_000) * 1_000)


def notes(told: Told) -> Iterator[str]:
    """Yield what has to be known to read the figures rightly."""
    planned, ongoing = told.planned, sum(one.ongoing for one in told.summaries)
    if planned.cut_from_ms is not None:
        yield f"It ends at {moment(planned.span.to_ms)}: later panes are still open."
    if planned.full_from_ms is not None:
        yield (
            f"The history begins at {moment(planned.read_from_ms)}: the longest window is full from "
            f"{moment(planned.full_from_ms)} on, and before that decided as live at a first start."
        )
    if ongoing:
        yield f"{ongoing} fired already when the range began: they are no episodes of it."


def backtest_facts(told: Told) -> dict[str, object]:
    """Return the same as JSON has it."""
    span, planned = told.planned.span, told.planned
    return {
        "from_ms": span.from_ms,
        "to_ms": span.to_ms,
        "steps": (span.to_ms - span.from_ms) // span.pane_ms,
        "rules": [_rule_facts(one, told.fired_live) for one in told.summaries],
        "episodes": [_episode_facts(one) for one in told.episodes],
        "open_from_ms": span.to_ms if planned.cut_from_ms is not None else None,
        "windows_full_from_ms": planned.full_from_ms,
        "seconds": round(told.seconds, 3),
    }


def _rule_facts(one: RuleSummary, fired_live: Mapping[str, int] | None) -> dict[str, object]:
    facts: dict[str, object] = to_builtins(one)
    return facts if fired_live is None else {**facts, "fired_live": fired_live.get(one.rule, 0)}


def _episode_facts(one: Episode) -> dict[str, object]:
    facts: dict[str, object] = to_builtins(one)
    return {**facts, "detected_in_ms": one.detected_in_ms()}
