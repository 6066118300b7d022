"""The command line where nothing runs: help, wrong settings, and what it says then."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from pipeline.cli.main import app
from pipeline.embedded.ports import free_port
from tests.stack.up_fixture import Cli

COMMANDS = (
    *("up", "demo", "aggregator", "evaluator", "lander", "notifier", "ack"),
    *("publish", "stats", "alerts", "sql", "topics", "doctor", "reckon"),
)
DEAD = ("list", "show", "replay", "drop")
PRINT_FACTS = ("up", "publish", "stats", "alerts", "sql", "topics", "doctor", "reckon", "ack")


def test_help_names_every_command(lone_cli: Cli) -> None:
    done = lone_cli.run("--help")
    assert done.returncode == 0
    for name in COMMANDS:
        assert f" {name} " in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_those_that_print_facts_have_json(name: str) -> None:
    done = CliRunner().invoke(app, [name, "--help"])
    assert done.exit_code == 0
    assert "Usage" in done.output
    assert ("--json" in done.output) == (name in PRINT_FACTS)


@pytest.mark.parametrize("name", DEAD)
def test_every_command_about_dead_letters_has_help_and_json(name: str) -> None:
    done = CliRunner().invoke(app, ["dead", name, "--help"])
    assert done.exit_code == 0
    assert "--json" in done.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("stats",),
        ("alerts",),
        ("topics",),
        ("sql", "SELECT 1"),
        ("reckon",),
        ("dead", "list"),
        ("dead", "drop", "--all"),
    ],
)
def test_a_command_that_finds_no_pipeline_says_where_it_looked_and_what_to_do(
    lone_cli: Cli, arguments: tuple[str, ...]
) -> None:
    done = lone_cli.run(*arguments)
    assert done.returncode == 1
    assert str(lone_cli.home / "run" / "up.json") in done.stderr
    assert "pipeline up" in done.stderr
    assert "PIPELINE_KAFKA" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("PIPELINE_PARTITIONS", "many", "integer"),
        ("PIPELINE_PARTITIONS", "0", "greater than or equal to 1"),
        ("PIPELINE_KAFKA", "localhost", "host:port"),
        ("PIPELINE_WINDOWS", '["5 minutes"]', "for example 5m"),
        ("PIPELINE_WINDOWS", "1m,5m", "JSON list"),
        ("PIPELINE_LOG_LEVEL", "LOUD", "INFO"),
    ],
)
def test_a_wrong_setting_is_named_with_what_was_found_and_what_is_allowed(
    lone_cli: Cli, name: str, value: str, allowed: str
) -> None:
    lone_cli.settings[name] = value
    done = lone_cli.run("stats")
    assert done.returncode == 1
    assert name in done.stderr
    assert value in done.stderr
    assert allowed in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["aggregator", "evaluator", "lander"])
def test_a_worker_without_an_address_names_the_setting(lone_cli: Cli, name: str) -> None:
    done = lone_cli.run(name)
    assert done.returncode == 1
    assert "PIPELINE_KAFKA" in done.stderr


def test_doctor_says_that_nothing_runs_and_how_to_start_it(lone_cli: Cli) -> None:
    done = lone_cli.run("doctor", "--json")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert found["ok"] is False
    checkups = {one["name"]: one for one in found["checkups"]}
    assert checkups["python"]["state"] == checkups["libraries"]["state"] == checkups["rules"]["state"] == "ok"
    for name in ("up", "kafka", "clickhouse"):
        assert checkups[name]["state"] == "wrong"
        assert "pipeline up" in checkups[name]["advice"]


def test_doctor_names_the_addresses_where_nobody_answers(lone_cli: Cli) -> None:
    port = free_port()
    lone_cli.settings.update(PIPELINE_KAFKA=f"127.0.0.1:{port}", PIPELINE_CLICKHOUSE=f"http://127.0.0.1:{port}")
    done = lone_cli.run("doctor")
    assert done.returncode == 1
    assert f"does not answer at 127.0.0.1:{port}" in done.stdout
    assert f"http://127.0.0.1:{port}" in done.stdout
    assert "PIPELINE_CLICKHOUSE" in done.stdout
    assert "Traceback" not in done.stderr


def test_doctor_finds_misspelt_settings_and_hides_passwords(lone_cli: Cli) -> None:
    lone_cli.settings.update(PIPELINE_PARTITION="4", PIPELINE_CLICKHOUSE="http://me:secret@127.0.0.1:1")
    done = lone_cli.run("doctor")
    assert "PIPELINE_PARTITION: unknown" in done.stdout
    assert "did you mean PIPELINE_PARTITIONS?" in done.stdout
    assert "secret" not in done.stdout + done.stderr


def test_doctor_tells_the_line_of_a_mistake_in_the_rules(lone_cli: Cli) -> None:
    rules = lone_cli.home / "rules.yaml"
    rules.write_text("rules:\n  - name: a\n    type: eror_rate\n")
    lone_cli.settings["PIPELINE_RULES"] = str(rules)
    done = lone_cli.run("doctor")
    assert done.returncode == 1
    assert "rules.yaml:3" in done.stdout


@pytest.mark.parametrize("arguments", [("stats",), ("alerts",), ("topics",), ("publish", "-")])
def test_a_kafka_that_is_away_is_named_with_its_address(lone_cli: Cli, arguments: tuple[str, ...]) -> None:
    lone_cli.settings["PIPELINE_KAFKA"] = address = f"127.0.0.1:{free_port()}"
    done = lone_cli.run(*arguments)
    assert done.returncode == 1
    assert f"Kafka does not answer at {address}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_clickhouse_that_is_away_is_named_with_its_address(lone_cli: Cli) -> None:
    lone_cli.settings["PIPELINE_CLICKHOUSE"] = address = f"http://127.0.0.1:{free_port()}"
    done = lone_cli.run("sql", "SELECT 1")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert f"ClickHouse does not answer at {address}" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_window_is_refused_with_those_there_are(lone_cli: Cli) -> None:
    done = lone_cli.run("stats", "--window", "7m")
    assert done.returncode == 1
    assert "1m, 5m, 15m, 1h" in done.stderr
