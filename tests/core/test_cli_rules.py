import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli.main import app
from pipeline.cli.rules_outcome import clock
from pipeline.errors import FatalError
from pipeline.kept_windows import kept_windows
from pipeline.rules_file import load_rules, presets
from pipeline.settings import Settings
from pipeline.yaml_file import YamlFileError
from tests.core.test_rehearsal import STORM

WINDOWS = kept_windows(Settings())
BURN_RATES = ["burn-rate-fast", "burn-rate-steady", "burn-rate-day", "burn-rate-slow"]


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["rules", *arguments], catch_exceptions=False)
    return done.exit_code, done.stdout


@pytest.fixture(autouse=True)
def _defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIPELINE_RULES", raising=False)


def test_list_shows_the_rules_that_hold_here() -> None:
    code, told = run("list")
    assert code == 0
    assert "error-rate" in told
    assert "warning > 2 %, critical > 5 %" in told


def test_list_as_json_has_everything_and_words() -> None:
    burn, *_ = json.loads(run("list", "preset:burn-rate", "--json")[1])
    assert burn["condition"] == {
        "type": "burn_rate",
        "objective": 0.999,
        "short_window": "5m",
        "exclude_client_errors": False,
    }
    assert burn["in_words"] == {
        "watches": "burn rate over 1h and 5m",
        "severities": "critical > 14.4x",
        "windows": ["1h", "5m"],
    }


def test_list_shows_the_presets() -> None:
    assert json.loads(run("list", "--presets", "--json")[1]) == presets()
    assert "preset:burn-rate" in run("list", "--presets")[1]


def test_the_setting_may_name_presets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPELINE_RULES", "preset:burn-rate+device-api")
    found = json.loads(run("list", "--json")[1])
    assert [rule["name"] for rule in found] == [*BURN_RATES, "errors-per-second"]


@pytest.mark.parametrize("name", presets())
def test_every_preset_is_sound_with_the_windows_that_are_kept_by_default(name: str) -> None:
    assert load_rules(Path(f"preset:{name}"), WINDOWS)


def test_a_preset_that_does_not_exist_names_those_that_do() -> None:
    with pytest.raises(FatalError, match="no preset 'slo'; there is preset:defaults, preset:burn-rate"):
        load_rules(Path("preset:slo"), WINDOWS)


def test_a_preset_whose_window_is_not_kept_is_refused_with_what_to_set() -> None:
    with pytest.raises(YamlFileError, match=r"presets/burn-rate.yaml:\d+: window: found '1h'.*PIPELINE_WINDOWS"):
        load_rules(Path("preset:burn-rate"), ("1m", "5m"))


def test_presets_that_share_a_name_are_refused() -> None:
    with pytest.raises(FatalError, match="both have a rule slow-operations"):
        load_rules(Path("preset:defaults+service-basics"), WINDOWS)


def test_a_default_rule_whose_window_is_not_kept_is_left_out_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "error-count" not in [rule.name for rule in load_rules(None, ("1m", "5m"))]
    monkeypatch.setenv("PIPELINE_WINDOWS", '["1m","5m"]')
    done = CliRunner().invoke(app, ["rules", "list"], catch_exceptions=False)
    assert "Left out, as their windows are not kept (PIPELINE_WINDOWS): error-count." in done.output


def test_check_tells_what_one_error_fires(tmp_path: Path) -> None:
    code, told = run("check", "preset:burn-rate", "--traffic", "69/h")
    assert code == 0
    assert "one error fires this (critical) whenever there are 20 to 69 calls in 1h" in told
    assert run("check", "preset:burn-rate", "--traffic", "70/h") == (0, "")
    (tmp_path / "rules.yaml").write_text("rules: [{name: a, type: error_rate, severities: {warning: 100%}}]")
    with pytest.raises(YamlFileError, match=r"rules.yaml:1: severities warning: found '100%'"):
        run("check", str(tmp_path / "rules.yaml"))


def test_a_test_that_comes_true_says_so_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "storm.yaml").write_text(STORM)
    code, told = run("test", str(tmp_path / "storm.yaml"))
    assert code == 0
    assert " ".join(told.split()).endswith("storm.yaml: 1 as expected")


def test_a_test_that_does_not_shows_expected_against_found_and_exits_with_1(tmp_path: Path) -> None:
    (tmp_path / "storm.yaml").write_text(STORM.replace("at: 1m10s", "at: 1m20s"))
    code, told = run("test", str(tmp_path / "storm.yaml"))
    assert code == 1
    assert "1 missing, 1 unexpected" in told
    assert "1m20s firing" in told
    assert "nearest: 1m10s firing warning" in told
    code, told = run("test", "--json", str(tmp_path / "storm.yaml"))
    assert code == 1
    (facts,) = json.loads(told)
    assert not facts["ok"]
    assert [line["verdict"] for line in facts["transitions"]] == ["unexpected", "missing"]


@pytest.mark.parametrize(
    ("at_ms", "text"),
    [(0, "0s"), (51_800, "51.8s"), (200_000, "3m20s"), (3_650_000, "1h0m50s"), (7_200_000, "2h"), (60_000, "1m")],
)
def test_a_time_from_the_start_reads_well(at_ms: int, text: str) -> None:
    assert clock(at_ms) == text


# ---- where values come from


def test_list_says_where_each_value_comes_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("rules:\n  - {name: errors, type: error_rate, severities: {warning: 2%}}\n")
    monkeypatch.setenv("PIPELINE_RULES", str(file))
    monkeypatch.setenv("PIPELINE_RULE_ERRORS_CRITICAL", "9%")
    (facts,) = json.loads(run("list", "--json")[1])
    place = f"{file}:2"
    assert facts["from"] == {
        "name": place,
        "type": place,
        "severities.warning": place,
        "severities.critical": "PIPELINE_RULE_ERRORS_CRITICAL",
    }
    told = run("list")[1]
    assert "rules.yaml:2; critical: PIPELINE_RULE_ERRORS_CRITICAL" in told
    assert "warning > 2 %, critical > 9 %" in told


def test_a_file_is_listed_and_checked_as_it_is_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("rules:\n  - {name: errors, type: error_rate, severities: {warning: 2%}}\n")
    monkeypatch.setenv("PIPELINE_RULE_ERROR_RATE_CRITICAL", "9%")
    assert "warning > 2 %" in run("list", str(file))[1]
    assert run("check", str(file))[0] == 0
    assert "critical > 9 %" in run("list")[1]


def test_a_rule_that_is_switched_off_is_named_with_who_did_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPELINE_RULE_RESPONSE_TIME_ENABLED", "false")
    done = CliRunner().invoke(app, ["rules", "list"], catch_exceptions=False)
    assert "response-time" not in done.stdout
    assert "Switched off: response-time (PIPELINE_RULE_RESPONSE_TIME_ENABLED)." in done.stderr
    off = {rule["name"] for rule in json.loads(run("list", "--json")[1]) if not rule["enabled"]}
    assert off == {"response-time"}


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("set", "errors", "--because", "x"), "say what to change"),
        (("set", "errors", "--because", "x", "--key", "for"), "KEY=VALUE"),
        (("set", "errors", "--because", "x", "--key", "name=other"), "name can't be changed"),
        (("set", "errors", "--because", "x", "-t", "critical=["), "a value as in a rules file"),
        (("set", "errors", "-t", "critical=5%"), "--because"),
    ],
)
def test_what_a_change_lacks_is_said_before_anything_is_asked(arguments: tuple[str, ...], why: str) -> None:
    done = CliRunner().invoke(app, ["rules", *arguments])
    assert done.exit_code == 2
    assert why in " ".join(done.output.replace("│", " ").split())
