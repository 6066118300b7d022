"""Every test of rules in docs/rule-tests is as it says."""

from pathlib import Path

import pytest

from pipeline.rehearsal.outcome import compare
from pipeline.rehearsal.perform import perform
from pipeline.rehearsal.script_file import load_script
from pipeline.settings import Settings
from tests.docs.documents import ROOT, named

SCRIPTS = sorted((ROOT / "docs" / "rule-tests").glob("*.yaml"))


@pytest.mark.parametrize("file", SCRIPTS, ids=named)
def test_what_comes_is_what_was_expected_and_nothing_else(file: Path) -> None:
    script = load_script(file, Settings())
    assert script.only
    lines = compare(script.expected, perform(script, Settings()), only=script.only)
    assert [line for line in lines if line.verdict != "as expected"] == []


def test_there_are_some() -> None:
    assert len(SCRIPTS) >= 5
