"""Fetches single jars from Maven Central, or from the mirror that the user's jgo.conf names."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import requests
from jgo.config import GlobalSettings
from jgo.constants import MAVEN_CENTRAL_URL
from jgo.maven import MavenContext, PythonResolver
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from pipeline.embedded.jars import Jar, sha256_of
from pipeline.errors import FatalError

_TRIES = 3
_WAIT_SECONDS = 1


class FetchFailed(Exception):  # noqa: N818 - named for what happened
    """One try to fetch a jar failed; the message says why."""


def repositories() -> dict[str, str]:
    """Return name → address of the Maven repositories to ask, in order: the user's own (jgo.conf), then Central."""
    own = dict(GlobalSettings.load().repositories)
    return own if "central" in own else {**own, "central": MAVEN_CENTRAL_URL}


def fetch_jar(jar: Jar, folder: Path, advance: Callable[[int], None]) -> None:
    """Fetch `jar` into `folder`, where it appears whole and verified or not at all; three tries, then FatalError.

    `advance` is told the bytes as they come.
    """
    attempts = Retrying(
        stop=stop_after_attempt(_TRIES),
        wait=wait_fixed(_WAIT_SECONDS),
        retry=retry_if_exception_type(FetchFailed),
        reraise=True,
    )
    try:
        attempts(_try_fetch, jar, folder, advance)
    except FetchFailed as error:
        raise FatalError(
            f"Kafka's jar {jar.file_name} can't be fetched: {error}. Check the network (behind a proxy, set "
            "HTTPS_PROXY; a mirror of Maven Central goes under [repositories] in ~/.config/jgo.conf), then start "
            "again: what has come is kept. Or name a running Kafka with PIPELINE_KAFKA=HOST:PORT."
        ) from error


def _try_fetch(jar: Jar, folder: Path, advance: Callable[[int], None]) -> None:
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as staging:
        came = _download(jar, Path(staging), advance)
        found = sha256_of(came)
        if found != jar.sha256:
            raise FetchFailed(f"what came is not the jar we know (sha256 {found}, expected {jar.sha256})")
        came.replace(folder / jar.file_name)


def _download(jar: Jar, staging: Path, advance: Callable[[int], None]) -> Path:
    @contextmanager
    def progress(_name: str, _total_bytes: int) -> Iterator[Callable[[int], None]]:
        yield advance

    callback: Callable[[str, int], AbstractContextManager[Callable[[int], None]]] = progress
    context = MavenContext(PythonResolver(progress_callback=callback), staging, [], repositories())
    component = context.project(jar.group, jar.artifact).at_version(jar.version)
    try:
        return Path(os.fspath(component.artifact().resolve()))
    except (requests.RequestException, RuntimeError) as error:
        raise FetchFailed(str(error)) from error
