"""When the trouble began that an alert fires for."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from pipeline.backtest.trouble import trouble_began_ms
from pipeline.core.block import COLUMN, Block
from pipeline.core.rules import Rule
from pipeline.core.series import Series
from pipeline.rules_file import parse_rules
from tests.contracts.snapshots import block_of
from tests.contracts.told_records import alert as any_alert

PAY, OTHER = Series("prod", "shop", "pay"), Series("prod", "shop", "other")
PANE_MS, END_MS = 10_000, 1_000_000


def rule(text: str) -> Rule:
    (found,) = parse_rules(f"rules:\n  - {{name: one, {text}}}\n", "rules.yaml", ("1m", "5m"))
    return found


def pane(bad: int, *, slow: bool = False) -> list[Block]:
    """Four calls of 10 ms, so many of them slow; or failed, and told as errors; besides another series."""
    block = block_of({OTHER: [1], PAY: [2_000_000] * (bad if slow else 0) + [10_000] * (4 - (bad if slow else 0))})
    scalars = block.scalars.copy()
    scalars[1, [COLUMN["failures"], COLUMN["error_events"], COLUMN["errors_error"]]] = 0 if slow else bad
    return [replace(block, scalars=scalars)]


def began(one: Rule, panes: list[list[Block]], **changes: object) -> int:
    """How many panes before the firing the trouble began; the last pane ends with it, the window is a minute."""
    by_start = {END_MS - (len(panes) - at) * PANE_MS: found for at, found in enumerate(panes)}
    window = {"window_start_ms": END_MS - 60_000, "window_end_ms": END_MS, "step_end_ms": END_MS, "fired_ms": END_MS}
    fired = msgspec.structs.replace(any_alert(), **{"started_ms": END_MS, **window, **changes})
    began_ms = trouble_began_ms(one, fired, PAY, lambda start_ms: by_start.get(start_ms, []), PANE_MS)
    return (END_MS - began_ms) // PANE_MS


RATE = rule("type: error_rate, window: 1m, severities: {warning: 10%, critical: 90%}")
GOOD, BAD, EMPTY = pane(0), pane(2), list[Block]()


def test_it_begins_with_the_first_bad_pane_of_those_that_lead_to_the_firing() -> None:
    assert began(RATE, [GOOD, GOOD, GOOD, BAD, BAD, BAD]) == 3
    assert began(RATE, [GOOD, GOOD, BAD, EMPTY, GOOD, BAD, GOOD]) == 5


def test_a_calm_of_a_minute_is_the_end_of_an_earlier_trouble() -> None:
    lasting = {"window_start_ms": END_MS - 300_000}
    assert began(RATE, [BAD, *[GOOD] * 5, BAD, BAD], **lasting) == 8
    assert began(RATE, [BAD, *[GOOD] * 6, BAD, BAD], **lasting) == 2


def test_a_breach_that_had_to_last_began_before_the_window_that_fired() -> None:
    assert began(RATE, [*[GOOD] * 3, *[BAD] * 9]) == 6
    assert began(RATE, [*[GOOD] * 3, *[BAD] * 9], started_ms=END_MS - 60_000) == 9


@pytest.mark.parametrize(
    "text",
    [
        "type: success_rate, window: 1m, severities: {warning: 90%}",
        "type: error_rate, window: 1m, confidence: 0.99, severities: {warning: 10%}",
        "type: burn_rate, window: 5m, short_window: 1m, objective: 99%, severities: {critical: 14.4}",
        "type: errors_per_second, window: 1m, severities: {warning: 0.1/s}",
    ],
)
def test_each_rate_is_asked_of_a_pane_by_itself(text: str) -> None:
    assert began(rule(text), [GOOD, GOOD, GOOD, GOOD, BAD, BAD]) == 2


@pytest.mark.parametrize(
    "text",
    [
        "type: response_time, window: 1m, severities: {warning: 1s}",
        "type: response_time, statistic: max, window: 1m, severities: {warning: 1s}",
        "type: response_time, statistic: avg, window: 1m, severities: {warning: 500ms}",
        "type: slow_operations, window: 1m, severities: {warning: 3}",
        "type: budget, budget: 1s, window: 1m, severities: {warning: 80%}",
    ],
)
def test_so_are_durations(text: str) -> None:
    slow = pane(2, slow=True)
    assert began(rule(text), [GOOD, GOOD, GOOD, GOOD, slow, slow]) == 2
    assert began(rule(text), [GOOD, slow, slow, GOOD, slow]) == 4


def test_too_few_calls_begin_with_the_first_pane_that_has_too_few() -> None:
    falls = rule("type: throughput, window: 1m, severities: {warning: 0.3/s}")
    assert began(falls, [GOOD, GOOD, GOOD, GOOD, EMPTY, EMPTY, EMPTY]) == 3


def test_a_count_of_errors_begins_with_the_first_of_its_window() -> None:
    count = rule("type: error_count, window: 1m, severities: {warning: 5}")
    assert began(count, [BAD, GOOD, BAD, *[GOOD] * 3, BAD]) == 5  # the first one is out of the window by now


def test_a_silence_begins_with_the_last_event_and_a_change_where_it_was_seen() -> None:
    silent = rule("type: absence, severities: {critical: 2m}")
    assert began(silent, [], window_start_ms=END_MS - 120_000) == 12
    changed = rule("type: change, of: error_rate, window: 1m, severities: {warning: 2}")
    assert began(changed, [BAD], started_ms=END_MS - 20_000) == 2


def test_where_no_pane_is_bad_by_itself_it_begins_where_the_window_was_seen_to_be() -> None:
    assert began(RATE, [GOOD] * 6, started_ms=END_MS - 10_000) == 1
