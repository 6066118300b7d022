"""The embedded ClickHouse's process: started, stopped, killed, and what it says when it can't start."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import Error
from pydantic import SecretStr

from pipeline.clickhouse_client import connect
from pipeline.embedded.clickhouse import EmbeddedClickHouse
from pipeline.errors import FatalError
from pipeline.settings import Settings

pytestmark = pytest.mark.stack
BATCH = 500


def settings_in(home: Path, **more: object) -> Settings:
    return Settings.model_validate({"home": home, "clickhouse_port": 0, **more})


def client_of(server: EmbeddedClickHouse, **more: object) -> Client:
    return connect(Settings.model_validate({"clickhouse": server.address, **more}))


class Inserting:
    """Inserts batches of rising numbers until the server is gone, and keeps the numbers that were acknowledged."""

    def __init__(self, server: EmbeddedClickHouse, first: int) -> None:
        self.acknowledged: set[int] = set()
        self.enough = threading.Event()
        self._server = server
        self._next = first
        self.thread = threading.Thread(target=self._insert)
        self.thread.start()

    def _insert(self) -> None:
        client = client_of(self._server)
        with suppress(Error):
            while True:
                batch = range(self._next, self._next + BATCH)
                client.insert("t", [(n,) for n in batch], ["n"])
                self.acknowledged.update(batch)
                self._next += BATCH
                if len(self.acknowledged) >= 20 * BATCH:
                    self.enough.set()
        client.close()


def insert_until(server: EmbeddedClickHouse, first: int, end: Callable[[], None]) -> set[int]:
    """Return what was acknowledged before `end` ended the server in the middle of it."""
    writers = [Inserting(server, first + writer * 10_000_000) for writer in range(2)]
    for writer in writers:
        assert writer.enough.wait(60)
    end()
    for writer in writers:
        writer.thread.join()
    return set().union(*(writer.acknowledged for writer in writers))


@pytest.mark.parametrize("ending", ["kill", "stop"])
def test_every_acknowledged_row_is_there_after_three_sudden_ends_under_inserts(tmp_path: Path, ending: str) -> None:
    server, acknowledged = EmbeddedClickHouse(settings_in(tmp_path)), set[int]()
    for life in range(4):
        with server:
            client = client_of(server)
            client.command("CREATE TABLE IF NOT EXISTS t (n UInt64) ENGINE = MergeTree ORDER BY n")
            stored = [n for (n,) in client.query("SELECT n FROM t").result_rows]
            assert acknowledged <= set(stored)
            assert len(stored) == len(set(stored))
            assert len(stored) <= len(acknowledged) + life * 2 * BATCH
            client.close()
            if life < 3:
                acknowledged |= insert_until(server, (life + 1) * 100_000_000, getattr(server, ending))


def test_it_stops_in_seconds_while_queries_and_streams_run(tmp_path: Path) -> None:
    server = EmbeddedClickHouse(settings_in(tmp_path))
    server.start()
    asker, watcher = client_of(server), client_of(server)

    def ask(sql: str) -> None:
        with suppress(Error):
            asker.query(sql)

    with ThreadPoolExecutor(6) as pool:
        for _ in range(3):
            pool.submit(ask, "SELECT sum(sipHash64(number)) FROM numbers(100000000000)")
            pool.submit(ask, "SELECT sleepEachRow(3) FROM numbers(100)")
        while watcher.command("SELECT count() FROM system.processes") < 7:
            assert watcher.ping()
        begun = time.monotonic()
        server.stop()
        assert time.monotonic() - begun < 9
    assert server.pid is None


def test_it_stops_at_once_when_nothing_runs(tmp_path: Path) -> None:
    server = EmbeddedClickHouse(settings_in(tmp_path))
    server.start()
    client_of(server).close()
    begun = time.monotonic()
    server.stop()
    assert time.monotonic() - begun < 2


def test_two_servers_run_side_by_side(tmp_path: Path) -> None:
    with (
        EmbeddedClickHouse(settings_in(tmp_path / "a")) as one,
        EmbeddedClickHouse(settings_in(tmp_path / "b c ü%20")) as two,
    ):
        for server, number in ((one, 1), (two, 2)):
            client = client_of(server)
            client.command("CREATE TABLE t (n UInt8) ENGINE = MergeTree ORDER BY n")
            client.insert("t", [(number,)], ["n"])
            client.close()
        for server, number in ((one, 1), (two, 2)):
            client = client_of(server)
            assert client.query("SELECT n FROM t").result_rows == [(number,)]
            client.close()
        assert one.address != two.address
        assert one.pid != two.pid


def test_a_taken_port_is_said_with_the_setting_that_chooses_another(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = EmbeddedClickHouse(settings_in(tmp_path, clickhouse_port=port))
        with pytest.raises(FatalError, match=rf"127.0.0.1:{port}.*PIPELINE_CLICKHOUSE_PORT"):
            server.start()
    assert server.pid is None
    assert server.start() == f"http://127.0.0.1:{port}"
    server.stop()


def test_a_folder_that_another_process_has_is_said_with_that_process(tmp_path: Path) -> None:
    with EmbeddedClickHouse(settings_in(tmp_path)) as first:
        second = EmbeddedClickHouse(settings_in(tmp_path))
        with pytest.raises(FatalError, match=f"clickhouse.*another process has it.*{first.pid}.*PIPELINE_HOME"):
            second.start()
        assert client_of(first).command("SELECT 1") == 1


def test_a_folder_that_can_t_be_written_is_said_by_name(tmp_path: Path) -> None:
    (tmp_path / "clickhouse").write_text("a file where the folder should be")
    with pytest.raises(FatalError, match=rf"folder {tmp_path}.*: File exists. .*PIPELINE_HOME"):
        EmbeddedClickHouse(settings_in(tmp_path)).start()


def test_another_address_needs_passwords(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="PIPELINE_CLICKHOUSE_PASSWORD and PIPELINE_CLICKHOUSE_READER_PASSWORD"):
        EmbeddedClickHouse(settings_in(tmp_path, clickhouse_host="0.0.0.0")).start()
    one = settings_in(tmp_path, clickhouse_host="0.0.0.0", clickhouse_password="secret")
    with pytest.raises(FatalError, match="set PIPELINE_CLICKHOUSE_READER_PASSWORD, or listen"):
        EmbeddedClickHouse(one).start()


def test_with_passwords_only_who_knows_them_gets_in_and_from_any_host_name(tmp_path: Path) -> None:
    passwords = {"clickhouse_password": SecretStr("wr:iter"), "clickhouse_reader_password": SecretStr("re@der")}
    settings = settings_in(tmp_path, clickhouse_host="0.0.0.0", **passwords)
    with EmbeddedClickHouse(settings) as server:
        port = server.address.rpartition(":")[2]
        writer = connect(Settings(clickhouse=f"http://default:wr%3Aiter@127.0.0.1:{port}"))
        reader = connect(
            Settings(clickhouse=server.address, clickhouse_reader_password=SecretStr("re@der")), reader=True
        )
        assert writer.command("SELECT getSetting('readonly')") == 0
        assert reader.command("SELECT getSetting('readonly')") == 1
        writer.close()
        reader.close()
        for credentials in ("", "default:@", "default:re%40der@", "reader:@", "reader:wr%3Aiter@"):
            with pytest.raises(Error, match="Authentication failed"):
                connect(Settings(clickhouse=f"http://{credentials}127.0.0.1:{port}"))
        asked = urllib.request.Request(
            f"http://127.0.0.1:{port}/?query=SELECT+1&password=wr:iter", headers={"Host": "db"}
        )
        with urllib.request.urlopen(asked) as reply:
            assert reply.read() == b"1\n"
        environment, arguments = psutil.Process(server.pid).environ(), psutil.Process(server.pid).cmdline()
        assert environment["PIPELINE_CLICKHOUSE_PASSWORD"] == "wr:iter"
        assert not [argument for argument in arguments if "wr:iter" in argument]


def test_a_body_above_the_limit_is_413_and_says_what_to_do(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pipeline.embedded.clickhouse", f"--path={tmp_path}", "--port=0", "--print-port"]
    with subprocess.Popen([*command, "--max-body-bytes=1000"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        address = f"http://127.0.0.1:{int(process.stdout.readline())}"
        with urllib.request.urlopen(address, data=b"SELECT 1" + b" " * 900) as reply:
            assert reply.read() == b"1\n"
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(address, data=b"SELECT 1" + b" " * 1_000)
        with caught.value as error:
            assert error.code == 413
            assert b"larger than 1000 bytes" in error.read()
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


def test_it_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib; from pipeline.embedded.clickhouse import EmbeddedClickHouse; "
        "from pipeline.settings import Settings; "
        "server = EmbeddedClickHouse(Settings(home=pathlib.Path(sys.argv[1]), clickhouse_port=0)); server.start(); "
        "print(server.pid, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        os.kill(parent.pid, signal.SIGKILL)
        with suppress(psutil.NoSuchProcess):
            child.wait(10)
    assert not child.is_running()
    with EmbeddedClickHouse(settings_in(tmp_path)) as server:
        assert client_of(server).command("SELECT 1") == 1


def test_a_crash_at_the_start_shows_the_last_lines_of_the_log(tmp_path: Path) -> None:
    (tmp_path / "clickhouse").mkdir()
    (tmp_path / "clickhouse" / "status").mkdir()  # chDB wants a file there
    with pytest.raises(FatalError, match=r"(?s)did not start. The end of .*clickhouse.log:.*RuntimeError"):
        EmbeddedClickHouse(settings_in(tmp_path)).start()


def test_it_can_be_started_and_stopped_by_hand_and_twice(tmp_path: Path) -> None:
    server = EmbeddedClickHouse(settings_in(tmp_path))
    server.stop()
    for _ in range(2):
        address = server.start()
        assert server.address == address
        assert server.exit_code is None
        server.stop()
        server.kill()
