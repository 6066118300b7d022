"""The rules of a running `pipeline up`: checked before it starts anything, and known to the commands beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli.configuration import resolve
from pipeline.errors import FatalError
from pipeline.settings import Settings
from pipeline.up.runfile import write_running
from pipeline.up.servers import servers


def test_a_variable_about_rules_with_a_mistake_stops_the_start_before_anything_has_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPELINE_RULE_ERROR_RATE_CRITICAL", "200%")
    said: list[str] = []
    with (
        pytest.raises(FatalError, match=r"PIPELINE_RULE_ERROR_RATE_CRITICAL can't be used with rule error-rate"),
        servers(Settings(home=tmp_path), said.append),
    ):
        pytest.fail("it started")
    assert said == []


def test_commands_know_the_rules_of_the_pipeline_that_runs_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    up = Settings(home=tmp_path, rules=Path("rules.yaml"))
    (tmp_path / "run").mkdir()
    write_running(up, "127.0.0.1:1", "http://127.0.0.1:2", {})
    assert resolve(Settings(home=tmp_path)).rules == tmp_path / "rules.yaml"
    assert resolve(Settings(home=tmp_path, rules=Path("own.yaml"))).rules == Path("own.yaml")


def test_presets_of_the_pipeline_that_runs_here_stay_presets(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    write_running(Settings(home=tmp_path, rules=Path("preset:burn-rate")), "127.0.0.1:1", "http://127.0.0.1:2", {})
    assert resolve(Settings(home=tmp_path)).rules == Path("preset:burn-rate")
