"""What `pipeline rules backtest` says when it can't run."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli.main import app
from pipeline.errors import FatalError

RULES = "rules:\n  - {name: one, type: error_rate, severities: {warning: 2%}}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    return path


def refused(*arguments: str, clickhouse: str = "http://127.0.0.1:1", home: str = "") -> tuple[int, str]:
    environment = {"PIPELINE_CLICKHOUSE": clickhouse or None, "PIPELINE_HOME": home or None}
    done = CliRunner(env=environment).invoke(app, ["rules", "backtest", *arguments])
    text = str(done.exception) if isinstance(done.exception, FatalError) else done.output
    return done.exit_code, " ".join(text.replace("│", " ").split())


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert (
        f"rules file {tmp_path / 'none.yaml'} can't be read" in refused(str(tmp_path / "none.yaml"), "--from", "1h")[1]
    )


def test_a_mistake_in_the_file_is_told_with_its_line(file: Path) -> None:
    file.write_text(RULES.replace("2%", "200%"))
    assert f"{file}:2: severities warning" in refused(str(file), "--from", "1h")[1]


def test_a_file_without_a_rule_that_is_enabled_has_nothing_to_run(file: Path) -> None:
    file.write_text(RULES.replace("name: one", "name: one, enabled: false"))
    assert refused(str(file), "--from", "1h")[1] == f"{file} has no rule that is enabled: there is nothing to run"


def test_a_clickhouse_that_is_away_is_named(file: Path) -> None:
    told = refused(str(file), "--from", "1h")[1]
    assert told.startswith("ClickHouse does not answer at http://127.0.0.1:1. Is it running")


def test_no_pipeline_and_no_address_says_what_to_start_or_set(file: Path, tmp_path: Path) -> None:
    told = refused(str(file), "--from", "1h", clickhouse="", home=str(tmp_path))[1]
    assert "Start one with `pipeline up`, or set PIPELINE_KAFKA and PIPELINE_CLICKHOUSE." in told


@pytest.mark.parametrize(
    ("range_", "why"),
    [
        (["--from", "1h", "--to", "2h"], "--from 1h is not before --to 2h"),
        (["--from", "yesterday"], "'yesterday' is no time: write how long ago"),
        ([], "Missing option '--from'"),
    ],
)
def test_a_range_that_is_none_is_wrong_usage(file: Path, range_: list[str], why: str) -> None:
    code, told = refused(str(file), *range_)
    assert code == 2
    assert why in told
