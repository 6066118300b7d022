"""The container files name settings, commands and files that exist. No Docker engine is needed for that."""

import re
import shutil
import subprocess
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from ruamel.yaml import YAML

from pipeline.settings import Settings
from tests.docs.documents import COMMANDS, ROOT, SETTINGS

COMPOSE: dict[str, Any] = YAML(typ="safe").load(ROOT / "docker-compose.yml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OWN = [name for name, service in SERVICES.items() if "build" in service]
VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")


def with_defaults(text: str) -> str:
    """Return a value as compose fills it in where no variable is set."""
    return VARIABLE.sub(r"\2", text)


def test_the_processes_of_the_pipeline_are_all_there() -> None:
    assert {"aggregator", "evaluator", "lander", "notifier"} <= set(OWN)


@pytest.mark.parametrize("name", OWN)
def test_every_variable_of_ours_is_a_setting_with_a_value_that_it_takes(name: str) -> None:
    environment = {key: with_defaults(str(value)) for key, value in SERVICES[name]["environment"].items()}
    assert set(environment) - SETTINGS == set()
    Settings.model_validate({key.removeprefix("PIPELINE_").lower(): value for key, value in environment.items()})


@pytest.mark.parametrize("name", OWN)
def test_every_process_runs_a_command_that_exists(name: str) -> None:
    for word in SERVICES[name].get("command", [])[:1]:
        assert word in COMMANDS


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_open_on_this_machine_only(name: str) -> None:
    assert [port for port in SERVICES[name].get("ports", []) if not port.startswith("127.0.0.1:")] == []


@pytest.mark.parametrize("name", SERVICES)
def test_whoever_is_waited_for_says_when_it_is_healthy(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        assert how == {"condition": "service_healthy"}
        assert "healthcheck" in SERVICES[other]


def test_the_addresses_are_those_that_the_servers_listen_on() -> None:
    settings = {key: with_defaults(str(value)) for key, value in SERVICES["lander"]["environment"].items()}
    kafka = with_defaults(SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"])
    assert f"//{settings['PIPELINE_KAFKA']}," in kafka
    clickhouse = {key: with_defaults(value) for key, value in SERVICES["clickhouse"]["environment"].items()}
    login = f"{clickhouse['CLICKHOUSE_USER']}:{clickhouse['CLICKHOUSE_PASSWORD']}"
    assert settings["PIPELINE_CLICKHOUSE"] == f"http://{login}@clickhouse:8123"


def test_images_are_pinned_to_a_release_and_volumes_are_declared() -> None:
    images = [service["image"] for service in SERVICES.values() if "build" not in service]
    assert [image for image in images if not re.search(r":\d+\.\d+", image)] == []
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    files = {volume for volume in used if volume.startswith("./")}
    assert used - files == set(COMPOSE["volumes"])
    assert [file for file in files if not (ROOT / file).exists()] == []


def test_the_image_is_made_of_files_that_exist_and_are_not_ignored() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    copied = [
        word for words in re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.MULTILINE) for word in words.split()[:-1]
    ]
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] == "!"}
    assert {"pipeline", "schemas", "requirements.lock", "pyproject.toml"} <= set(copied) == kept
    assert [name for name in copied if not (ROOT / name).exists()] == []


def _compose_plugin() -> bool:
    if (docker := shutil.which("docker")) is None:
        return False
    return subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not _compose_plugin(), reason="docker compose isn't installed here")
def test_docker_compose_itself_accepts_the_file() -> None:
    done = subprocess.run(
        ["docker", "compose", "config", "--quiet"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_reader_of_the_history_is_made_with_the_password_that_the_processes_use() -> None:
    """The server's file gives the reader of `pipeline sql` its name, its password and its database."""
    mounted = [volume.split(":")[0] for volume in SERVICES["clickhouse"]["volumes"] if volume.startswith("./")]
    (file,) = mounted
    users = ET.parse(ROOT / file).getroot().find("users")
    assert users is not None
    (reader,) = users
    password = reader.find("password")
    assert password is not None
    assert reader.tag == Settings().clickhouse_reader
    given = SERVICES["clickhouse"]["environment"][password.attrib["from_env"]]
    assert SERVICES["lander"]["environment"]["PIPELINE_CLICKHOUSE_READER_PASSWORD"] == given
    queries = [query.text or "" for query in reader.iter("query")]
    assert f"GRANT SELECT ON {Settings().database}.*" in queries
