"""Rules over the window of a minute or of several that end together, made up by brute force."""

from __future__ import annotations

from pipeline.core.conditions import enough, measure, value_at, windows_of
from pipeline.core.measures.figures import Figures
from pipeline.core.measures.percentiles import bucket_columns
from pipeline.core.rules import Condition, Rule, Threshold
from pipeline.settings import window_ms
from tests.scenarios.timeline import PAY, START_MS, Calls, columns, rollups

END_MS = START_MS + 3_600_000
MINUTE_MS = 60_000


def rule(condition: Condition, *thresholds: float, window: str = "1m", min_samples: int = 20) -> Rule:
    names = ("info", "warning", "critical")
    found = tuple(Threshold(name, value) for name, value in zip(names, thresholds, strict=False))  # type: ignore[arg-type]
    return Rule(name="a", condition=condition, thresholds=found, window=window, min_samples=min_samples)


def ago(minutes: float, calls: int = 0, failures: int = 0, **more: int) -> Calls:
    """Calls of PAY that many minutes before the windows end; 1 is the oldest instant of a window of a minute."""
    return Calls(END_MS - round(minutes * MINUTE_MS), PAY, calls, failures, **more)


def figures_of(one: Rule, events: list[Calls]) -> Figures:
    """Figures of PAY and its roll-ups over the rule's own window, the others beside it."""
    made: dict[str, Figures] = {}

    def of(name: str) -> Figures:
        if name not in made:
            cuts = bucket_columns([one]) if name == one.window else ()
            window = columns(events, list(rollups(PAY)), END_MS - window_ms(name), END_MS)
            made[name] = Figures(window, cuts, of)
        return made[name]

    assert windows_of(one)[0] == one.window
    return of(one.window)


def judged(one: Rule, *events: Calls) -> tuple[int, float | None]:
    """Level and value of PAY."""
    figures = figures_of(one, list(events))
    found, value = measure(one, figures), value_at(one, figures, 0)
    assert bool(found.known[0]) == (value is not None)
    return int(found.level[0]), value


def is_enough(one: Rule, *events: Calls) -> bool:
    return bool(enough(one, figures_of(one, list(events)))[0])
