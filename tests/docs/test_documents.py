"""The documents tell the truth: what they name exists."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.exceptions import TyperException
from typer.testing import CliRunner

from pipeline.cli.main import app
from pipeline.kept_windows import kept_windows
from pipeline.rules_file import load_rules, parse_rules
from pipeline.settings import Settings
from schemas.generate import MODELS
from tests.docs.documents import (
    COMMANDS,
    DOCUMENTS,
    GROUPS,
    ROOT,
    RULE_SETTINGS,
    SETTINGS,
    blocks,
    make_targets,
    named,
    pipeline_commands,
    spans,
)

OF_ALL = pytest.mark.parametrize("document", DOCUMENTS, ids=named)
LINK = re.compile(r"\[[^\]]*\]\(([^)#]+)(?:#[^)]*)?\)")
PATH = re.compile(r"[\w.-]+(?:/[\w.-]+)+/?|[\w-]+\.(?:py|md|yml|yaml|toml|lock|sh|sql|log|ndjson)")
SETTING = re.compile(r"PIPELINE_[A-Z_]+\b")
STARTS = (ROOT, ROOT / "pipeline", ROOT / "docs")
MADE_BY_RUNNING = (".venv", ".pipeline")


@OF_ALL
def test_every_link_leads_somewhere(document: Path) -> None:
    targets = [link for link in LINK.findall(document.read_text(encoding="utf-8")) if "://" not in link]
    assert [link for link in targets if not (document.parent / link).exists()] == []


@OF_ALL
def test_every_file_in_backticks_exists(document: Path) -> None:
    paths = [span for span in spans(document) if PATH.fullmatch(span) and not span.startswith(MADE_BY_RUNNING)]
    claimed = [path for path in paths if "/" not in path or any((one / path.split("/")[0]).exists() for one in STARTS)]
    assert [path for path in claimed if not any((one / path).exists() for one in STARTS)] == []


@OF_ALL
def test_every_setting_exists(document: Path) -> None:
    found = set(SETTING.findall(document.read_text(encoding="utf-8")))
    assert found - SETTINGS - RULE_SETTINGS == set()


@OF_ALL
def test_every_make_target_exists(document: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert [name for name in make_targets(document) if not re.search(rf"^{name}:", makefile, re.MULTILINE)] == []


@OF_ALL
def test_every_rules_file_is_one_that_the_pipeline_takes(document: Path) -> None:
    for text in (block for block in blocks(document, "yaml") if block.startswith("rules:")):
        assert parse_rules(text, named(document), Settings().windows) != []


@OF_ALL
def test_every_event_keeps_to_the_contract(document: Path) -> None:
    for event in map(json.loads, blocks(document, "json")):
        if event.get("type") in MODELS:
            MODELS[event["type"]].model_validate_json(json.dumps(event))


@OF_ALL
def test_every_command_of_the_command_line_is_one_that_it_understands(document: Path) -> None:
    for arguments in pipeline_commands(document):
        assert understood(arguments) == "", shlex.join(arguments)


def understood(arguments: list[str]) -> str:
    """Return what is wrong with the arguments of `pipeline`; nothing is run."""
    name, *rest = arguments
    if name in {"--help", "-h"}:
        return ""
    commands, part = COMMANDS, name
    if name in GROUPS:
        if rest[:1] in ([], ["--help"]):
            return ""
        commands, part, rest = GROUPS[name], rest[0], rest[1:]
    if part not in commands:
        return f"there is no command {part}"
    if rest == [] or "--help" in rest:
        return ""
    try:
        commands[part].make_context(part, [word for word in rest if word])
    except TyperException as error:
        return str(error)
    return ""


def test_a_command_that_does_not_exist_would_be_noticed() -> None:
    assert understood(["starts"]) == "there is no command starts"
    assert understood(["dead", "lst"]) == "there is no command lst"
    assert "--reasn" in understood(["dead", "list", "--reasn", "not_json"])
    assert "--windw" in understood(["stats", "--windw", "5m"])
    assert understood(["stats", "--window", "5m"]) == ""


@pytest.mark.parametrize("name", sorted([*COMMANDS, *(f"{name} {part}" for name in GROUPS for part in GROUPS[name])]))
def test_every_command_explains_itself(name: str) -> None:
    told = CliRunner().invoke(app, [*name.split(), "--help"])
    assert told.exit_code == 0
    assert f"pipeline {name}" in told.output


def test_the_command_is_installed_and_lists_its_commands() -> None:
    installed = Path(sys.executable).parent / "pipeline"
    done = subprocess.run([installed, "--help"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert [name for name in [*COMMANDS, *GROUPS] if f" {name} " not in done.stdout] == []


def test_the_readme_names_every_command() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in [*COMMANDS, *GROUPS] if f"pipeline {name}" not in readme] == []


def test_decisions_are_numbered_in_a_row_and_say_their_number() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    assert [page.read_text(encoding="utf-8").split(".")[0] for page in pages] == [
        f"# {number}" for number in range(1, len(pages) + 1)
    ]


def test_the_readme_leads_to_every_page() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    pages = [named(page) for page in sorted((ROOT / "docs").glob("*.md"))]
    assert [page for page in pages if f"({page})" not in readme] == []


def test_the_readme_has_the_windows_and_the_default_rules() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    windows = Settings.model_fields["windows"].default
    table = readme.split("The default rules:")[1].split("Rates and percentiles")[0]
    assert " ".join(windows) in readme
    assert re.findall(r"^\| `([\w-]+)`", table, re.MULTILINE) == [
        rule.name for rule in load_rules(None, kept_windows(Settings()))
    ]
