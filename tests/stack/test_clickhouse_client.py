"""Clients of ClickHouse: the address taken apart, and the wait for a server that isn't there yet."""

from __future__ import annotations

import logging
import socket
import threading
from pathlib import Path

import pytest
from clickhouse_connect.driver.exceptions import Error
from pydantic import SecretStr

from pipeline.clickhouse_client import Address, connect, connect_async, parse_address, wait_for_clickhouse
from pipeline.embedded.clickhouse import EmbeddedClickHouse
from pipeline.embedded.ports import free_port
from pipeline.errors import FatalError
from pipeline.settings import Settings


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("http://127.0.0.1:8123", Address("http", "127.0.0.1", 8123, "default", "", "")),
        ("http://db", Address("http", "db", 8123, "default", "", "")),
        ("https://db", Address("https", "db", 8443, "default", "", "")),
        ("http://me:p%40ss%3Aw%2F@db:1/history", Address("http", "db", 1, "me", "p@ss:w/", "history")),
        ("http://me@[::1]:1/", Address("http", "::1", 1, "me", "", "")),
    ],
)
def test_an_address_is_taken_apart(text: str, address: Address) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text", ["localhost:8123", "tcp://db:9000", "http://", "http://db:port", "http://[::1", "", "clickhouse"]
)
def test_an_address_that_can_t_be_used_is_said_with_one_that_can(text: str) -> None:
    with pytest.raises(FatalError, match=r"PIPELINE_CLICKHOUSE can't be used: .*for example http://127.0.0.1:8123"):
        parse_address(text)


def test_an_address_is_shown_without_its_password() -> None:
    assert str(parse_address("http://me:secret@[::1]:1/db")) == "http://[::1]:1"


def test_no_address_is_said_with_what_to_do() -> None:
    with pytest.raises(FatalError, match="pipeline up"):
        connect(Settings(clickhouse=None))


def test_waiting_says_the_address_and_ends_when_told(caplog: pytest.LogCaptureFixture) -> None:
    stop, port = threading.Event(), free_port()
    ended: list[bool] = []
    waiting = threading.Thread(
        target=lambda: ended.append(wait_for_clickhouse(f"http://me:secret@127.0.0.1:{port}", stop))
    )
    with caplog.at_level(logging.WARNING):
        waiting.start()
        waiting.join(0.5)
        assert waiting.is_alive()
        stop.set()
        waiting.join(10)
    assert ended == [False]
    assert f"http://127.0.0.1:{port}" in caplog.text
    assert caplog.text.count("does not answer") == 1
    assert "secret" not in caplog.text


OTHERS = [b"220 mail\r\n", b"HTTP/1.0 200 OK\r\n\r\n<html>", b"HTTP/1.0 404 No\r\n\r\n", b""]


@pytest.mark.parametrize("answer", OTHERS)
def test_waiting_does_not_take_another_server_for_clickhouse(answer: bytes) -> None:
    stop = threading.Event()
    found: list[bool] = []
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"http://127.0.0.1:{other.getsockname()[1]}"
        waiting = threading.Thread(target=lambda: found.append(wait_for_clickhouse(address, stop)))
        waiting.start()
        connection, _ = other.accept()
        stop.set()
        connection.sendall(answer)
        connection.close()
        waiting.join(10)
    assert found == [False]


@pytest.mark.stack
def test_waiting_ends_when_the_server_answers(tmp_path: Path) -> None:
    port = free_port()
    found: list[bool] = []
    waiting = threading.Thread(
        target=lambda: found.append(wait_for_clickhouse(f"http://127.0.0.1:{port}", threading.Event()))
    )
    waiting.start()
    with EmbeddedClickHouse(Settings(home=tmp_path, clickhouse_port=port)):
        waiting.join(20)
    assert found == [True]


@pytest.mark.stack
async def test_passwords_and_a_proxy_of_the_environment_do_not_get_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passwords = {"clickhouse_password": SecretStr("w"), "clickhouse_reader_password": SecretStr("r")}
    with EmbeddedClickHouse(Settings.model_validate({"home": tmp_path, "clickhouse_port": 0, **passwords})) as server:
        settings = Settings.model_validate({"clickhouse": server.address, **passwords})
        asking = await connect_async(settings, reader=True)
        assert await asking.command("SELECT getSetting('readonly')") == 1
        await asking.close()
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        writer = connect(settings)
        assert writer.command("SELECT getSetting('readonly')") == 0
        writer.close()
        assert wait_for_clickhouse(server.address, threading.Event())
        with pytest.raises(Error, match="Authentication failed"):
            connect(Settings(clickhouse=server.address))
        server.stop()
        assert server.start()
