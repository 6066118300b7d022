"""docs/alerting.md says what the code does."""

import re
from pathlib import Path

import pytest

from pipeline.core.alert_reasons import Notice
from pipeline.kept_windows import kept_windows
from pipeline.rehearsal.outcome import compare
from pipeline.rehearsal.perform import perform
from pipeline.rehearsal.script_file import parse_script
from pipeline.rules_file import load_rules, parse_rules, presets
from pipeline.rules_types import KEYS
from pipeline.settings import Settings
from pipeline.yaml_file import YamlFileError

DOCS = (Path(__file__).parents[2] / "docs" / "alerting.md").read_text("utf-8")
WINDOWS = kept_windows(Settings())
BLOCKS = re.findall(r"```yaml\n(.*?)```", DOCS, re.DOTALL)
EXAMPLES = [block for block in BLOCKS if block.startswith("rules:")]
SCRIPTS = [block for block in BLOCKS if "\nevents:" in block]


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_every_example_of_rules_is_loaded(example: str) -> None:
    assert parse_rules(example, "docs/alerting.md", WINDOWS)


def test_there_is_no_example_of_anything_else() -> None:
    assert [block for block in BLOCKS if block not in EXAMPLES and block not in SCRIPTS] == []


@pytest.mark.parametrize("text", SCRIPTS, ids=range(len(SCRIPTS)))
def test_every_example_of_a_test_comes_true(text: str) -> None:
    script = parse_script(text, Path("docs/alerting.md"), Settings())
    lines = compare(script.expected, perform(script, Settings()), only=script.only)
    assert [line for line in lines if line.verdict != "as expected"] == []


def test_every_preset_is_listed_and_no_other() -> None:
    section = DOCS.split("**Presets**")[1].split("A mistake in the file")[0]
    assert re.findall(r"^\| `preset:([\w-]+)`", section, re.MULTILINE) == list(presets())


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
    section = DOCS.split("**Presets**")[0]
    assert re.findall(r"^\| `([\w-]+)`", section, re.MULTILINE) == [rule.name for rule in load_rules(None, WINDOWS)]


def test_the_mistakes_that_are_shown_are_the_real_ones() -> None:
    with pytest.raises(YamlFileError) as caught:
        parse_rules(
            "rules:\n  - name: errors\n    type: error_rate\n    serverities: {warning: 2%}\n"
            "  - name: slow\n    type: response_time\n    window: 5m\n    severities:\n      warning: 2000\n",
            "rules.yaml",
            WINDOWS,
        )
    shown = DOCS.split("what is allowed:\n\n```text\n")[1].split("```")[0].splitlines()
    for line, told in zip(shown, str(caught.value).splitlines(), strict=True):
        assert told.startswith(line.removesuffix("…"))
