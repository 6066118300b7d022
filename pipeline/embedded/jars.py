"""The jars that Kafka consists of: which, as locked by hash, and where they lie on this machine."""

from __future__ import annotations

import hashlib
import shutil
import threading
import tomllib
from collections.abc import Iterable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from pipeline.embedded.fetch_progress import FetchProgress
from pipeline.embedded.folder_lock import FolderLock
from pipeline.errors import FatalError

LOCK = Path(__file__).with_name("kafka.lock.toml")
_FETCHERS = 4
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Jar:
    """One jar by its Maven coordinates and the hash that it must have."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """The file's name, the same in every Maven repository."""
        return f"{self.artifact}-{self.version}.jar"


def locked_jars(lock: Path = LOCK) -> tuple[Jar, ...]:
    """Return the jars of the lock (`lock_jars.py` makes it, in the format of jgo), in its order."""
    entries = tomllib.loads(lock.read_text())["dependencies"]
    return tuple(Jar(e["groupId"], e["artifactId"], e["version"], e["sha256"]) for e in entries)


def sha256_of(file: Path) -> str:
    """Return the file's SHA-256 in hex."""
    digest = hashlib.sha256()
    with file.open("rb") as source:
        while chunk := source.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def ensure_jars(cache: Path, console: Console, jars: Iterable[Jar] | None = None) -> list[Path]:
    """Return the paths of all jars below `cache`, each verified; what is missing or damaged is fetched first.

    Processes that do this at the same time wait for one another. Needs no network when all is there. Raises
    FatalError that says what to do when a jar can't be had or `cache` can't be written.
    """
    wanted = tuple(jars or locked_jars())
    folder = cache / "jars"
    try:
        if _unusable(wanted, folder):
            folder.mkdir(parents=True, exist_ok=True)
            _fetch_alone(wanted, folder, console)
    except OSError as error:
        raise FatalError(
            f"Kafka's jars can't be kept in {folder}: {error}. Choose another folder with PIPELINE_CACHE=FOLDER."
        ) from error
    return [folder / jar.file_name for jar in wanted]


def _unusable(jars: Iterable[Jar], folder: Path) -> list[Jar]:
    def is_whole(file: Path, sha256: str) -> bool:
        return file.is_file() and sha256_of(file) == sha256

    return [jar for jar in jars if not is_whole(folder / jar.file_name, jar.sha256)]


def _fetch_alone(jars: tuple[Jar, ...], folder: Path, console: Console) -> None:
    lock = FolderLock(folder / ".lock")
    if not lock.acquire(wait=False):
        console.print(f"Kafka's jars: waiting for {lock.holder()}, which fetches them")
        lock.acquire(wait=True)
    try:
        _fetch(_unusable(jars, folder), folder, console)
    finally:
        lock.release()


def _fetch(jars: list[Jar], folder: Path, console: Console) -> None:
    from pipeline.embedded.maven import fetch_jar  # noqa: PLC0415 - 0.6 s, for the first start alone

    for abandoned in folder.glob(".fetch-*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    for jar in jars:
        if (folder / jar.file_name).exists():
            console.print(f"Kafka's jars: {folder / jar.file_name} is damaged (its sha256 is wrong); fetching it again")
    cancelled = threading.Event()
    with FetchProgress(console, len(jars)) as progress, ThreadPoolExecutor(_FETCHERS) as pool:

        def advance(count_bytes: int) -> None:
            if cancelled.is_set():
                raise CancelledError
            progress.add_bytes(count_bytes)

        fetches = [pool.submit(fetch_jar, jar, folder, advance) for jar in jars]
        try:
            for fetch in fetches:
                fetch.result()
                progress.add_file()
        except BaseException:  # Ctrl-C too: what is under way ends at its next bytes, and nothing else begins
            cancelled.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
