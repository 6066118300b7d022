"""Kafka's jars come once, whole and as locked; a mirror on this machine stands for Maven Central."""

from __future__ import annotations

import hashlib
import io
import re
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from pathlib import Path

import pytest
from rich.console import Console

from pipeline.embedded.folder_lock import FolderLock
from pipeline.embedded.jars import LOCK, Jar, ensure_jars, locked_jars
from pipeline.embedded.ports import LOOPBACK
from pipeline.errors import FatalError


class Mirror:
    """Serves jars by name below any path, and counts how often each is asked for."""

    def __init__(self) -> None:
        self.jars: dict[str, bytes] = {}
        self.asked: Counter[str] = Counter()
        mirror = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.rpartition("/")[2]
                mirror.asked[name] += 1
                body = mirror.jars.get(name)
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer((LOOPBACK, 0), Answer)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def add(self, artifact: str, body: bytes) -> Jar:
        jar = Jar("org.example", artifact, "1.0", hashlib.sha256(body).hexdigest())
        self.jars[jar.file_name] = body
        return jar

    def close(self) -> None:
        if self.thread.is_alive():
            self.server.shutdown()
            self.thread.join()
            self.server.server_close()


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    mirror = Mirror()
    configuration = tmp_path / "jgo.conf"
    configuration.write_text(f"[repositories]\ncentral = http://{LOOPBACK}:{mirror.server.server_port}/maven\n")
    monkeypatch.setenv("JGO_CONFIG_FILE", str(configuration))
    monkeypatch.setenv("NO_PROXY", LOOPBACK)
    yield mirror
    mirror.close()


def quiet() -> Console:
    return Console(file=io.StringIO(), width=400)


def said(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def fetch_elsewhere(cache: Path, jars: list[Jar]) -> list[Path]:
    return ensure_jars(cache, quiet(), jars)


def test_the_lock_names_every_jar_by_hash_and_no_registry() -> None:
    jars = locked_jars()
    assert "kafka_2.13-4.3.1.jar" in {jar.file_name for jar in jars}
    assert len({jar.file_name for jar in jars}) == len(jars)
    assert all(re.fullmatch(r"[0-9a-f]{64}", jar.sha256) for jar in jars)
    assert "://" not in LOCK.read_text()


def test_jars_come_once_and_then_need_no_network(mirror: Mirror, tmp_path: Path) -> None:
    jars, console = [mirror.add("one", b"1" * 100_000), mirror.add("two", b"2")], quiet()
    paths = ensure_jars(tmp_path, console, jars)
    assert [path.read_bytes() for path in paths] == [b"1" * 100_000, b"2"]
    assert "fetching 2, once" in said(console)
    assert "2 fetched, 0.1 MB" in said(console)
    mirror.close()
    again = quiet()
    assert ensure_jars(tmp_path, again, jars) == paths
    assert said(again) == ""


def test_on_a_terminal_a_bar_shows_how_far_it_is(mirror: Mirror, tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    ensure_jars(tmp_path, console, [mirror.add("one", b"1")])
    assert "1/1" in said(console)


def test_a_half_downloaded_or_damaged_jar_is_named_and_fetched_again(mirror: Mirror, tmp_path: Path) -> None:
    jars = [mirror.add("one", b"1" * 1000), mirror.add("two", b"2")]
    first, _ = ensure_jars(tmp_path, quiet(), jars)
    first.write_bytes(b"1" * 500)
    console = quiet()
    ensure_jars(tmp_path, console, jars)
    assert f"{first} is damaged (its sha256 is wrong); fetching it again" in said(console)
    assert first.read_bytes() == b"1" * 1000
    assert mirror.asked["two-1.0.jar"] == 1


def test_a_jar_that_is_not_the_one_we_know_is_never_used(mirror: Mirror, tmp_path: Path) -> None:
    jar = mirror.add("one", b"1")
    mirror.jars[jar.file_name] = b"something else"
    with pytest.raises(FatalError, match=rf"one-1\.0\.jar can't be fetched: .*expected {jar.sha256}"):
        ensure_jars(tmp_path, quiet(), [jar])
    assert mirror.asked[jar.file_name] == 3
    assert [file.name for file in (tmp_path / "jars").iterdir()] == [".lock"]


def test_without_a_network_it_says_what_to_do(mirror: Mirror, tmp_path: Path) -> None:
    jar = mirror.add("one", b"1")
    mirror.close()
    with pytest.raises(FatalError, match=r"HTTPS_PROXY.*\[repositories\].*PIPELINE_KAFKA=HOST:PORT"):
        ensure_jars(tmp_path, quiet(), [jar])


def test_processes_that_fetch_at_once_fetch_each_jar_once(mirror: Mirror, tmp_path: Path) -> None:
    jars = [mirror.add(f"jar{number}", bytes([number]) * 10_000) for number in range(8)]
    with get_context("spawn").Pool(3) as pool:
        paths = pool.starmap(fetch_elsewhere, [(tmp_path, jars)] * 3)
    assert paths[0] == paths[1] == paths[2]
    assert {mirror.asked[jar.file_name] for jar in jars} == {1}


def test_while_another_process_fetches_it_waits_and_says_so(mirror: Mirror, tmp_path: Path) -> None:
    jar, console = mirror.add("one", b"1"), quiet()
    (tmp_path / "jars").mkdir()
    other = FolderLock(tmp_path / "jars" / ".lock")
    assert other.acquire(wait=False)
    other.tell("process 4711")
    with ThreadPoolExecutor(1) as pool:
        fetching = pool.submit(ensure_jars, tmp_path, console, [jar])
        while "waiting for process 4711, which fetches them" not in said(console):
            assert not fetching.done()
        other.release()
        assert fetching.result()[0].read_bytes() == b"1"


def test_what_a_killed_fetch_left_is_cleared_away(mirror: Mirror, tmp_path: Path) -> None:
    abandoned = tmp_path / "jars" / ".fetch-killed"
    abandoned.mkdir(parents=True)
    ensure_jars(tmp_path, quiet(), [mirror.add("one", b"1")])
    assert not abandoned.exists()


def test_a_cache_that_cannot_be_written_is_named_with_its_setting(mirror: Mirror, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FatalError, match=r"file/jars: .* PIPELINE_CACHE=FOLDER"):
        ensure_jars(tmp_path / "file", quiet(), [mirror.add("one", b"1")])
