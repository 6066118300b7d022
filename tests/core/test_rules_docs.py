"""docs/alerting.md says what the code does."""

import re
from pathlib import Path

import pytest

from pipeline.core.alert_reasons import Notice
from pipeline.rules_file import RulesFileError, load_rules, parse_rules
from pipeline.rules_types import KEYS

DOCS = (Path(__file__).parents[2] / "docs" / "alerting.md").read_text("utf-8")
WINDOWS = ("1m", "5m", "15m", "1h")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", DOCS, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_every_example_of_rules_is_loaded(example: str) -> None:
    assert parse_rules(example, "docs/alerting.md", WINDOWS)


def test_the_examples_show_every_type() -> None:
    shown = {rule.type for example in EXAMPLES for rule in parse_rules(example, "docs/alerting.md", WINDOWS)}
    assert shown == set(KEYS)


def test_every_key_is_explained_and_no_other() -> None:
    section = DOCS.split("## Every key")[1].split("## States")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == {key for keys in KEYS.values() for key in keys}


def test_every_reason_is_explained_and_no_other() -> None:
    section = DOCS.split("## What people are told")[1].split("## The alert record")[0]
    assert set(re.findall(r"`((?:NOTIFY|SUPPRESS)_[A-Z_]+)`", section)) == set(Notice)


def test_the_default_rules_are_listed() -> None:
    section = DOCS.split("## What can be watched")[0]
    assert re.findall(r"^\| `([\w-]+)`", section, re.MULTILINE) == [rule.name for rule in load_rules(None, WINDOWS)]


def test_the_mistakes_that_are_shown_are_the_real_ones() -> None:
    with pytest.raises(RulesFileError) as caught:
        parse_rules(
            "rules:\n  - name: errors\n    type: error_rate\n    serverities: {warning: 2%}\n"
            "  - name: slow\n    type: response_time\n    window: 5m\n    severities:\n      warning: 2000\n",
            "rules.yaml",
            WINDOWS,
        )
    shown = DOCS.split("what is allowed:\n\n```text\n")[1].split("```")[0].splitlines()
    for line, told in zip(shown, str(caught.value).splitlines(), strict=True):
        assert told.startswith(line.removesuffix("…"))
