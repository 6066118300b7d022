"""The Makefile, the hooks and the scripts do what the documents say of them."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.docs.documents import ROOT

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
SCRIPTS = [ROOT / ".ci" / "run", *sorted((ROOT / "examples").glob("*.sh"))]


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make in a folder, out of reach of a make that runs these tests."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def fresh_copy(tmp_path: Path) -> Path:
    folder = tmp_path / "a fresh copy"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def test_make_alone_lists_every_target() -> None:
    targets = re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE)
    told = make(ROOT).stdout
    assert re.findall(r"^  make ([a-z]+) ", told, re.MULTILINE) == targets
    assert {"demo", "test", "lint", "types", "format", "bench", "faults", "docs", "lock", "clean"} <= set(targets)


def test_a_second_run_makes_no_environment(fresh_copy: Path) -> None:
    (fresh_copy / ".venv").mkdir()
    (fresh_copy / ".venv" / "ready").write_text(str(fresh_copy))
    done = make(fresh_copy, "environment", "PYTHON=false")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_copy_in_another_folder_makes_its_own(fresh_copy: Path) -> None:
    (fresh_copy / ".venv").mkdir()
    (fresh_copy / ".venv" / "ready").write_text("somewhere else")
    assert "python3 -m venv" in make(fresh_copy, "--dry-run", "environment").stdout.replace('"', "")


def test_a_python_that_is_too_old_is_one_clear_sentence(fresh_copy: Path) -> None:
    old = fresh_copy / "old python"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2\nexit 1\n')
    old.chmod(0o755)
    done = make(fresh_copy, "environment", f"PYTHON={old}")
    assert done.returncode == 2
    assert (
        done.stderr.splitlines()[0] == f"{old} is Python 3.9.2. Python 3.11 or later is needed: make PYTHON=python3.12"
    )


def test_a_python_that_is_not_there_is_one_clear_sentence(fresh_copy: Path) -> None:
    done = make(fresh_copy, "environment", "PYTHON=python3.99")
    assert done.stderr.startswith("There is no python3.99 here. Install Python 3.11 or later, or name yours")


def test_the_lock_pins_everything_by_hash_and_names_no_registry() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    entries = re.split(r"\n(?=\S)", lock.strip())
    assert [entry.split()[0] for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []


def test_the_lock_has_every_dependency_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [
        *project["dependencies"],
        *project["optional-dependencies"]["server"],
        *project["optional-dependencies"]["dev"],
    ]
    locked = set(
        re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements.lock").read_text(encoding="utf-8"), re.MULTILINE)
    )
    names = {re.split(r"[\[<>=!~; ]", requirement)[0].replace(".", "-") for requirement in wanted}
    assert names - locked == set()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_may_be_executed(script: Path) -> None:
    assert os.access(script, os.X_OK)


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck isn't installed here")
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_finds_nothing_in_scripts(script: Path) -> None:
    done = subprocess.run(["shellcheck", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_hooks_need_nothing_but_the_environment() -> None:
    hooks = [
        (repository["repo"], hook["language"], hook["entry"].split()[0])
        for repository in YAML(typ="safe").load(ROOT / ".pre-commit-config.yaml")["repos"]
        for hook in repository["hooks"]
    ]
    assert hooks
    assert all(one[:2] == ("local", "system") and one[2].startswith(".venv/bin/") for one in hooks)


def test_the_licence_and_the_changelog_are_there() -> None:
    assert "Apache License\n                           Version 2.0" in (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
