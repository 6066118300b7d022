"""What a running `pipeline up` tells the other commands: a file with addresses, and a lock against a second one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psutil

from pipeline.embedded.folder_lock import FolderLock
from pipeline.errors import FatalError
from pipeline.rules_file import PRESET
from pipeline.settings import Settings

_CLOCK_TOLERANCE_MS = 2_000  # the system derives start times from its clock, which may be set a little


class Running(msgspec.Struct, frozen=True):
    """One running `pipeline up`: its process, where its servers listen, and its workers' processes by name."""

    pid: int
    started_ms: int  # when the system started the process: tells a reused pid apart
    kafka: str
    clickhouse: str
    workers: dict[str, int]
    rules: str | None = None  # PIPELINE_RULES, where it is set


def runfile_path(settings: Settings) -> Path:
    """Return where `pipeline up` says that it runs."""
    return settings.home / "run" / "up.json"


def read_running(settings: Settings) -> Running | None:
    """Return the `pipeline up` of this home if its process is alive, else None (also for a file left by a crash)."""
    try:
        running = msgspec.json.decode(runfile_path(settings).read_bytes(), type=Running)
    except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError):
        return None
    return running if _alive(running) else None


def write_running(settings: Settings, kafka: str, clickhouse: str, workers: dict[str, int]) -> None:
    """Say that this process runs the pipeline, atomically; again whenever a worker's pid changes."""
    path = runfile_path(settings)
    rules = None if settings.rules is None else rules_path(settings.rules)
    running = Running(os.getpid(), _started_ms(os.getpid()), kafka, clickhouse, workers, rules)
    draft = path.with_suffix(".draft")
    draft.touch(mode=0o600)  # the address may hold a password
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(running), indent=2))
    draft.replace(path)


def rules_path(rules: Path) -> str:
    """Return what PIPELINE_RULES means in every folder."""
    return str(rules) if str(rules).startswith(PRESET) else str(rules.absolute())


def remove_running(settings: Settings) -> None:
    """Take the file away."""
    runfile_path(settings).unlink(missing_ok=True)


@contextmanager
def only_one(settings: Settings) -> Iterator[None]:
    """Hold this home's lock; raises FatalError with the other's pid where another `pipeline up` has it.

    The lock is the kernel's: it goes with the process that holds it, however that ends.
    """
    lock = FolderLock(runfile_path(settings).with_name("lock"))
    lock.path.parent.mkdir(parents=True, exist_ok=True)
    if not lock.acquire(wait=False):
        raise FatalError(
            f"A pipeline runs here already ({lock.holder()}, home {settings.home}). "
            "Stop it first, or set PIPELINE_HOME, PIPELINE_KAFKA_PORT and PIPELINE_CLICKHOUSE_PORT for a second one."
        )
    try:
        yield
    finally:
        lock.release()


def _alive(running: Running) -> bool:
    try:
        return abs(_started_ms(running.pid) - running.started_ms) < _CLOCK_TOLERANCE_MS
    except psutil.NoSuchProcess:
        return False


def _started_ms(pid: int) -> int:
    return int(psutil.Process(pid).create_time() * 1_000)
