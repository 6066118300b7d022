"""Long windows: what closed panes add up to, step by step, whatever is lost in between; and rules over them."""

from __future__ import annotations

import random

import pytest

from pipeline.core.alert_rules import compile_rules
from pipeline.core.block import COLUMN, Block
from pipeline.core.closed_pane import ClosedKey, ClosedPane
from pipeline.core.frontier import Frontier
from pipeline.core.long_rules import LongRules
from pipeline.core.long_windows import LongWindows
from pipeline.core.merge import merge
from pipeline.core.records import Mark, Marks
from pipeline.core.rules import ErrorCount, ErrorRate, Rule, Threshold
from pipeline.core.series import Series
from pipeline.core.window_config import KeptWindows, WindowConfig, WindowState
from tests.properties.window_oracle import Event, block_of, figures, shown

PANE_MS, LONG_MS = 10_000, 60_000
WINDOWS = {"2m": 120_000, "5m": 300_000}
CONFIG = WindowConfig(shard=0, pane_ms=LONG_MS, windows=WINDOWS, series_limit=50, close_grace_ms=0)
NAMES = [Series("prod", "shop", name) for name in ("pay", "find", "")]


def some_events(rng: random.Random, minutes: int) -> list[Event]:
    """Events with gaps: whole minutes without any, and series that come and go."""
    busy = [minute for minute in range(minutes) if rng.random() < 0.6]
    return [
        Event(
            "s",
            0,
            minute * 60_000 + rng.randrange(60_000),
            rng.choice(NAMES),
            rng.randrange(1, 10**6),
            rng.random() < 0.7,
        )
        for minute in busy
        for _ in range(rng.randrange(8))
    ]


def closed_panes(events: list[Event]) -> list[ClosedPane]:
    starts = sorted({event.timestamp_ms // PANE_MS * PANE_MS for event in events})
    return [
        ClosedPane(
            start, 0, merge([block_of([one for one in events if one.timestamp_ms // PANE_MS * PANE_MS == start])])
        )
        for start in starts
    ]


class Keeper:
    """What the evaluator does with long windows: a table, commits, and the closed panes below for a restart."""

    def __init__(self) -> None:
        self.table: dict[ClosedKey, bytes] = {}
        self.below: dict[int, ClosedPane] = {}
        self.state: WindowState | None = None
        self.told: dict[tuple[int, str], object] = {}
        self.start()

    def start(self) -> None:
        self.windows = LongWindows(CONFIG, lambda start: [v for key, v in self.table.items() if key[0] == start])
        coarse: dict[int, list[bytes]] = {}
        for key, value in self.table.items():
            coarse.setdefault(key.pane_start_ms, []).append(value)
        panes = [(start, [pane.block]) for start, pane in sorted(self.below.items())]
        self.windows.restore(coarse, self.state, {}, panes)

    def closed(self, pane: ClosedPane) -> None:
        self.below[pane.start_ms] = pane
        self.windows.closed(pane.start_ms, [pane.block])

    def through(self, end_ms: int, rng: random.Random) -> None:
        """Everything below is closed up to here; a crash may come between any two of what follows."""
        engine = self.windows.engine
        self.windows.closed_through(end_ms)
        for step_ms in engine.due_steps():
            view = engine.view(step_ms, "on_time")
            for name in WINDOWS:
                found = shown(view.series, view.window(name))
                assert self.told.setdefault((step_ms, name), found) == found, "told twice, and not the same"
            engine.emitted(view)
        if rng.random() < 0.7:
            self.state = engine.commit_state()
            engine.committed(self.state)
        for pane in engine.close_due(0):
            self.table.update(pane.records())
            if rng.random() < 0.2:
                return
            engine.closed(pane)
        for key in engine.expired():
            del self.table[key]
        for start_ms in [start_ms for start_ms in self.below if start_ms < self.windows.kept_from_ms()]:
            del self.below[start_ms]


@pytest.mark.parametrize("seed", range(40))
def test_every_window_is_the_sum_of_its_panes_whatever_dies_in_between(seed: int) -> None:
    rng = random.Random(seed)
    events = some_events(rng, 40)
    keeper, end_ms = Keeper(), 40 * 60_000
    panes = closed_panes(events)
    for at_ms in range(PANE_MS, end_ms + 1, PANE_MS):
        for pane in (one for one in panes if one.start_ms == at_ms - PANE_MS):
            keeper.closed(pane)
        if rng.random() < 0.5:
            keeper.through(at_ms, rng)
        if rng.random() < 0.1:
            keeper.start()
    calm = random.Random(1)
    for _ in range(20):
        keeper.through(end_ms, calm)
        keeper.start()
    keeper.through(end_ms, calm)
    steps = {step_ms for step_ms, _ in keeper.told}
    for (step_ms, name), found in keeper.told.items():
        assert found == figures(events, step_ms - WINDOWS[name], step_ms, LONG_MS), (step_ms, name)
    for event in events:
        first_ms = (event.timestamp_ms // LONG_MS + 1) * LONG_MS
        assert steps >= {first_ms + n * LONG_MS for n in range(5) if first_ms + n * LONG_MS <= end_ms}


def test_panes_below_are_kept_until_they_are_in_a_long_pane() -> None:
    keeper, rng = Keeper(), random.Random(3)
    for pane in closed_panes([Event("s", 0, at_ms, NAMES[0], 5) for at_ms in (5_000, 65_000, 125_000)]):
        keeper.closed(pane)
    assert keeper.windows.kept_from_ms() == 0
    for _ in range(9):
        keeper.through(100_000, rng)
    assert keeper.windows.kept_from_ms() == 60_000


RULES = (
    Rule(name="short", condition=ErrorRate(), thresholds=(Threshold("warning", 0.5),), window="1m"),
    Rule(name="long", condition=ErrorCount(), thresholds=(Threshold("critical", 3),), window="5m", min_samples=1),
)


def test_rules_are_divided_by_their_windows() -> None:
    compiled = compile_rules(RULES, KeptWindows(("1m",), ("2m", "5m")))
    assert [list(part.by_name) for part in (compiled, compiled.short, compiled.long)] == [
        ["short", "long"],
        ["short"],
        ["long"],
    ]
    assert list(compile_rules(RULES[:1], KeptWindows(("1m",), ("2m",))).long.by_name) == []


def test_a_rule_over_a_long_window_is_decided_at_the_steps_of_long_windows() -> None:
    compiled = compile_rules(RULES, KeptWindows(("1m",), ("2m", "5m")))
    frontier = Frontier(close_grace_ms=0, idle_lag_release_ms=300_000)
    frontier.set_sources(["s"])
    rules, alerts = LongRules(CONFIG, compiled.long, frontier), []
    errors = {15_000: 2, 75_000: 1, 135_000: 1}
    for end_ms in range(PANE_MS, 600_001, PANE_MS):
        for at_ms, count in errors.items():
            if at_ms // PANE_MS * PANE_MS == end_ms - PANE_MS:
                rules.closed(ClosedPane(end_ms - PANE_MS, 0, of_errors(count)))
        frontier.on_marks(
            Marks(
                "w", end_ms, [Mark(1, "s", end_ms, end_ms, end_ms, idle=False, operations=0, errors=0, late=0, dead=0)]
            ),
            end_ms,
        )
        for evaluation in rules.closed_through(end_ms):
            alerts += [one.alert for one in evaluation.transitions if one.alert]
    assert [(one.state, one.step_end_ms, one.value, one.completeness) for one in alerts] == [
        ("firing", 180_000, 4, 1.0),
        ("resolved", 360_000, 2, 1.0),
    ]


def of_errors(count: int) -> Block:
    block = block_of([Event("s", 0, 0, NAMES[0], 5)])
    block.scalars[:] = 0
    block.scalars[0, COLUMN["error_events"]] = block.scalars[0, COLUMN["errors_error"]] = count
    return block
