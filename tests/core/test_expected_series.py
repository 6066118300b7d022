"""Series that a rule expects by name are missed in a shard in which nothing has ever happened."""

from __future__ import annotations

import pytest

from pipeline.core.alert_engine import evaluate, take
from pipeline.core.alert_rules import compile_rules
from pipeline.core.records import Mark, Marks
from pipeline.core.series import Series, shard_of
from pipeline.evaluator.shard import PATIENCE_MS, Shard
from pipeline.kept_windows import window_config
from pipeline.rules_file import parse_rules
from pipeline.settings import Settings
from tests.core.window_shell import PAY, Shell, calls, ends

SETTINGS = Settings(partitions=2)
HERE = shard_of(Series("prod", "partner", ""), 2)
RULES = "rules: [{name: partner, type: absence, group_by: service, severities: {critical: 2m}, expect: [prod/partner]}]"


def shard(number: int, rules: str = RULES) -> Shard:
    compiled = compile_rules(parse_rules(rules, "rules.yaml", SETTINGS.windows), SETTINGS.windows)
    made = Shard(window_config(SETTINGS, shard=number, shards=2), compiled, {}, shards=2)
    made.engine.set_sources(["s"])
    return made


def passes(one: Shard, watermark_ms: int) -> list[tuple[str, int]]:
    """Time passes at the source; return the alerts of the steps that come due, with their times."""
    mark = Mark(1, "s", watermark_ms, watermark_ms, None, idle=True, operations=0, errors=0, late=0, dead=0)
    one.engine.on_marks(Marks("w", watermark_ms, [mark]), watermark_ms)
    found: list[tuple[str, int]] = []
    for end_ms in one.engine.due_steps():
        view = one.engine.view(end_ms, "on_time")
        evaluation = evaluate(one.rules, view, one.states)
        take(one.states, evaluation)
        found += [(each.alert.state, end_ms) for each in evaluation.transitions if each.alert]
        one.engine.emitted(view)
    return found


def test_what_never_came_is_missed_although_nothing_else_did() -> None:
    one = shard(HERE)
    one.miss(0)
    assert passes(one, 1_000_000) == []
    one.miss(PATIENCE_MS)
    found = [told for at_ms in range(1_010_000, 1_200_000, 10_000) for told in passes(one, at_ms)]
    assert [state for state, _ in found] == ["pending", "firing"]
    assert found[1][1] - found[0][1] == 120_000


def test_it_is_missed_where_it_would_be_and_nowhere_else() -> None:
    for other in (shard(1 - HERE), shard(HERE, "rules: [{name: down, type: absence, severities: {critical: 2m}}]")):
        other.miss(0)
        other.miss(PATIENCE_MS)
        assert passes(other, 1_000_000) == passes(other, 2_000_000) == []
        assert other.engine.steps.windows is None


def test_without_a_watermark_there_is_no_time_to_miss_it_at() -> None:
    one = shard(HERE)
    one.miss(0)
    one.miss(PATIENCE_MS)
    assert one.engine.steps.windows is None


@pytest.mark.parametrize("behind_ms", [0, 20_000])
def test_events_that_come_after_all_count_and_correct_the_steps_that_they_are_late_for(behind_ms: int) -> None:
    shell = Shell()
    shell.mark(100_000)
    shell.engine.steps.begin(shell.engine.watermark_ms)
    shell.emit()
    shell.snapshot(100_000 - behind_ms, PAY)
    shell.mark(120_000)
    views = shell.emit()
    assert [calls(view) for view in views if view.end_ms == 110_000] == [{"pay": 1}]
    assert ends(views) == ([110_000, 120_000] if not behind_ms else [110_000, 120_000, 90_000, 100_000])


def test_nothing_begins_where_something_was_known() -> None:
    shell = Shell()
    shell.snapshot(50_000, PAY)
    shell.mark(100_000)
    shell.engine.steps.begin(shell.engine.watermark_ms)
    assert ends(shell.emit())[0] == 60_000
