"""Rules that change while an evaluator runs: between two looks, for all its shards at once."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from pipeline.core.alert_rules import CompiledRules, compile_rules
from pipeline.core.rule_difference import changed_rules, difference
from pipeline.core.rule_orders import RuleOrder, Value, encode_order, order_key
from pipeline.evaluator.owner import Evaluator
from pipeline.evaluator.rule_source import LiveRules
from pipeline.rules_file import parse_rules
from pipeline.settings import Settings
from pipeline.yaml_file import YamlFileError
from tests.core.test_evaluator_lease import evaluator, now, restored

__all__ = ["evaluator", "now"]

WINDOWS = Settings().windows
ERRORS = "{name: errors, type: error_rate, severities: {warning: 2%}}"
CRITICAL = "{name: critical, type: critical_error}"


def compiled(*rules: str) -> CompiledRules:
    return compile_rules(parse_rules(f"rules: [{', '.join(rules)}]", "rules.yaml", WINDOWS), WINDOWS)


class Source:
    """Rules that a test changes. What `control` says is known once it was read to its end."""

    def __init__(self, compiled: CompiledRules) -> None:
        self.compiled = compiled
        self.control: CompiledRules | None = None

    async def refresh(self) -> None:
        return

    async def catch_up(self) -> None:
        self.compiled = self.control or self.compiled


async def test_a_tick_takes_other_rules_and_leaves_states_as_they_are(evaluator: Evaluator, now: list[int]) -> None:
    del now
    evaluator.rule_source = source = Source(compiled(ERRORS))
    await restored(evaluator)
    shard = evaluator.shards[0]
    states = shard.states
    source.compiled = after = compiled(CRITICAL)
    assert shard.rules is not after
    await evaluator.tick()
    assert evaluator.shards[0] is shard
    assert (shard.rules, shard.states) == (after, states)


async def test_whoever_takes_a_shard_over_knows_what_was_changed_before(evaluator: Evaluator, now: list[int]) -> None:
    del now
    evaluator.rule_source = source = Source(compiled(ERRORS))
    source.control = compiled(ERRORS, CRITICAL)
    await restored(evaluator)
    assert evaluator.shards[0].rules is source.control


def test_what_has_changed_is_told_by_rule_the_same_in_every_process() -> None:
    before, after = (
        compiled(ERRORS, CRITICAL),
        compiled(ERRORS.replace("2%", "3%"), CRITICAL.replace("critical", "new", 1)),
    )
    old, new = (rules.versions["errors"] for rules in (before, after))
    assert changed_rules(before, after) == ["critical", "errors", "new"]
    assert difference(before, after) == f"critical: gone, errors: {old} → {new}, new: new ({after.versions['new']})"
    assert difference(before, compiled(CRITICAL, ERRORS)) == ""


# ---- the file


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LiveRules:
    """Rules of a file, on a clock that goes on by a second with every look; nothing comes on `control`."""
    seconds = iter(range(1_000_000))
    monkeypatch.setattr("pipeline.evaluator.rule_source.wall_ms", lambda: next(seconds) * 1_000)
    file = tmp_path / "rules.yaml"
    file.write_text(f"rules: [{ERRORS}]\n")
    return LiveRules(Settings(rules=file), {"PIPELINE_RULE_ERRORS_WARNING": "3%"})


async def written(live: LiveRules, text: str) -> None:
    path = live._settings.rules
    assert path is not None
    path.write_text(text)
    for _ in range(2):
        await live.refresh()


async def test_a_changed_file_is_taken_and_told_once(live: LiveRules, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="pipeline")
    before = live.compiled
    await written(live, f"rules: [{ERRORS}, {CRITICAL}]\n")
    await live.refresh()
    assert list(live.compiled.by_name) == ["errors", "critical"]
    assert live.compiled.versions["errors"] == before.versions["errors"]
    told = f"other rules are in force from the next step on: critical: new ({live.compiled.versions['critical']})"
    assert caplog.messages == [told]


async def test_the_environment_stays_over_a_changed_file(live: LiveRules) -> None:
    await written(live, f"rules: [{ERRORS.replace('2%', '1%')}, {CRITICAL}]\n")
    assert live.compiled.by_name["errors"].thresholds[0].value == 0.03


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "rules:\n  - {name: errors, type: eror_rate}\n",
            "rules.yaml:2: type 'eror_rate' is unknown; did you mean error",
        ),
        ("rules: [\n", "rules.yaml:2: not valid YAML"),
        ("", "rules.yaml:1: found nothing"),
        (f"rules: [{CRITICAL}]\n", "PIPELINE_RULE_ERRORS_WARNING names no value of a rule"),
    ],
)
async def test_a_file_that_is_wrong_changes_nothing_and_is_told_with_its_line_once(
    live: LiveRules, caplog: pytest.LogCaptureFixture, text: str, why: str
) -> None:
    before = live.compiled
    await written(live, text)
    await live.refresh()
    assert live.compiled is before
    (message,) = caplog.messages
    assert message.startswith("the changed rules are not taken, those from before stay in force: ")
    assert why in message
    assert "\n" not in message
    await written(live, f"rules: [{ERRORS}, {CRITICAL}]\n")
    assert "critical" in live.compiled.by_name


async def test_a_file_that_says_the_same_in_other_words_changes_nothing(
    live: LiveRules, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="pipeline")
    before = live.compiled
    await written(live, f"# a comment\nrules:\n  - {ERRORS}\n")
    assert live.compiled is before
    assert caplog.messages == []


def test_a_file_that_is_wrong_at_the_start_stops_it(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("rules: [{name: errors, type: eror_rate}]\n")
    with pytest.raises(YamlFileError, match=r"rules\.yaml:1"):
        LiveRules(Settings(rules=file), {})


# ---- what control says


def tell(live: LiveRules, name: str, **values: Value) -> None:
    """Let an order come in on `control`."""
    live._take(order_key(name), encode_order(RuleOrder(name=name, values=values)))


async def test_what_control_says_is_taken_and_stays_when_the_file_changes(live: LiveRules) -> None:
    tell(live, "errors", **{"severities.warning": "4%"})
    await live.refresh()
    assert live.compiled.by_name["errors"].thresholds[0].value == 0.04
    await written(live, f"rules: [{CRITICAL}, {ERRORS}]\n")
    assert live.compiled.by_name["errors"].thresholds[0].value == 0.04
    live._take(order_key("errors"), None)
    await live.refresh()
    assert live.compiled.by_name["errors"].thresholds[0].value == 0.03


async def test_what_control_has_wrong_is_told_and_leaves_its_rule_as_it_is(
    live: LiveRules, caplog: pytest.LogCaptureFixture
) -> None:
    before = live.compiled
    tell(live, "errors", **{"severities.warning": "high"})
    tell(live, "eror", enabled=False)
    live._take("rule/later", b'{"type": "rule9"}')
    await live.refresh()
    assert live.compiled is before
    told = [message.removeprefix("what control says of ") for message in caplog.messages]
    assert [message.partition(" is not in force: ")[0] for message in told] == [
        "rule eror",
        "rule errors",
        "rule/later",
    ]
    assert "did you mean errors?" in told[0]
    assert "found 'high'; allowed: a percentage such as 2%" in told[1]


async def test_control_is_taken_although_the_file_has_become_wrong(live: LiveRules) -> None:
    path = live._settings.rules
    assert path is not None
    path.write_text("rules: [")
    await live.refresh()
    tell(live, "critical", type="critical_error")
    await live.refresh()
    assert list(live.compiled.by_name) == ["errors", "critical"]
