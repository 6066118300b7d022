"""The live engine on closed panes: every step decided once, also where nothing is; memory of the longest window."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.backtest.engine import Beginning, WatermarkEngine
from pipeline.core.block import COLUMN, pack
from pipeline.core.records import Signal, Snapshot
from pipeline.core.series import Series
from pipeline.core.window_config import WindowConfig
from pipeline.rules_file import parse_rules
from schemas.structs import Alert
from tests.contracts.snapshots import block_of

PAY = Series("prod", "shop", "pay")
PANE_MS = 10_000
BEGIN_MS = 1_763_791_200_000
WINDOWS = {"30s": 30_000, "1m": 60_000}
RULES = """
rules:
  - {name: rate, type: error_rate, window: 30s, min_samples: 1, keep_firing: 2m, severities: {critical: 50%}}
  - {name: silent, type: absence, group_by: operation, severities: {warning: 2m}}
  - {name: crash, type: critical_error, hold: 1m}
"""


class Run:
    """An engine and what it has decided. `bad` are the panes with calls, from the beginning on: whether they failed."""

    def __init__(self, beginning: Beginning | None = None) -> None:
        config = WindowConfig(shard=0, pane_ms=PANE_MS, windows=WINDOWS, series_limit=100)
        self.engine = WatermarkEngine(config, parse_rules(RULES, "rules.yaml", tuple(WINDOWS)), beginning)
        self.alerts: list[Alert] = []

    def panes(self, count: int, bad: Mapping[int, bool], signals: Mapping[int, Signal] | None = None) -> Run:
        for place in range(count):
            start_ms = BEGIN_MS + place * PANE_MS
            heard = [signals[place]] if signals and place in signals else []
            snapshots = [_snapshot(start_ms, failed=bad[place])] if place in bad else []
            for evaluation in self.engine.pane(start_ms, snapshots, heard):
                self.alerts += [one.alert for one in evaluation.transitions if one.alert is not None]
        return self

    def told(self, rule: str) -> list[tuple[int, str]]:
        """After how many panes an alert of the rule became what."""
        return [((one.step_end_ms - BEGIN_MS) // PANE_MS, one.state) for one in self.alerts if one.rule == rule]


def _snapshot(start_ms: int, *, failed: bool) -> Snapshot:
    block = block_of({PAY: [1_000, 2_000]})
    block.scalars[:, COLUMN["failures"]] = 2 * failed
    return Snapshot(1, "events.operations-0", start_ms, PANE_MS, 0, 0, 0, final=True, block=pack(block))


def signal(at_ms: int) -> Signal:
    return Signal(
        epoch=1, source="events.errors-0", offset=1, index=0, timestamp_ms=at_ms, environment="prod", service="shop",
        operation="pay", error_type="Crash", message="it crashed", event_id="e1",
    )  # fmt: skip


def test_an_alert_ends_at_its_own_step_though_no_window_holds_anything_by_then() -> None:
    run = Run().panes(40, {0: False, 1: True, 2: True})
    assert run.told("rate") == [(3, "firing"), (6, "recovering"), (18, "resolved")]
    assert run.told("silent") == [(15, "firing")]


def test_steps_that_only_fill_the_windows_decide_nothing() -> None:
    beginning = Beginning(BEGIN_MS, BEGIN_MS + 3 * PANE_MS, {})
    run = Run(beginning).panes(5, dict.fromkeys(range(5), True), {1: signal(BEGIN_MS + PANE_MS)})
    assert run.told("rate") == [(4, "firing")]
    assert run.alerts[0].samples == 6  # the window was full
    assert run.told("crash") == []


def test_a_series_that_was_seen_before_the_beginning_is_missed() -> None:
    last_ms = BEGIN_MS - 30 * PANE_MS
    run = Run(Beginning(BEGIN_MS, BEGIN_MS, {PAY: last_ms})).panes(3, {})
    assert run.told("silent") == [(1, "firing")]
    assert run.alerts[0].window_start_ms == last_ms


def test_a_critical_error_fires_and_its_hold_ends_on_the_watermark() -> None:
    run = Run().panes(12, dict.fromkeys(range(12), False), {2: signal(BEGIN_MS + 25_000)})
    assert run.told("crash") == [(2, "firing"), (9, "resolved")]


def test_panes_of_the_longest_window_are_at_hand_and_no_others() -> None:
    run = Run().panes(100, dict.fromkeys(range(100), False))
    held = [place for place in range(100) if run.engine.blocks(BEGIN_MS + place * PANE_MS)]
    assert held[-6:] == list(range(94, 100))
    assert len(held) <= 6 + 3
    (block,) = run.engine.blocks(BEGIN_MS + 95 * PANE_MS)
    assert (block.series, block.scalars[0, COLUMN["calls"]]) == ([PAY], 2)
