"""Posting to a receiver that does everything that receivers do."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from pipeline.errors import FatalError
from pipeline.notifier.channels.http_post import ANSWER_BYTES_MAX, SAID_CHARACTERS, Poster
from pipeline.notifier.message import Refused
from tests.notifier.receiver import (
    Receiver,
    answers,
    answers_megabytes,
    closes_before_it_answers,
    closes_in_the_middle,
    hangs,
    hangs_in_the_middle,
    http_receiver,
)


@pytest.fixture
async def poster() -> AsyncIterator[Poster]:
    made = Poster(timeout_s=5)
    yield made
    await made.close()


async def refusal(poster: Poster, url: str, **options: bool) -> Refused:
    with pytest.raises(Refused) as raised:
        await poster.post(url, b"{}", {}, [], **options)
    return raised.value


async def test_a_good_answer_is_returned_and_the_connection_kept(receiver: Receiver, poster: Poster) -> None:
    receiver.will(answers(201, "made"))
    for _ in range(3):
        assert (await poster.post(receiver.url, b'{"a":1}', {"X-One": "1"}, [])).text == "made"
    assert {one.body for one in receiver.received} == {b'{"a":1}'}
    assert receiver.received[0].headers["X-One"] == "1"
    assert receiver.received[0].headers["Content-Type"] == "application/json; charset=utf-8"
    assert len({one.connection for one in receiver.received}) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413, 422])
async def test_what_a_retry_cannot_mend_is_permanent_and_says_why(
    receiver: Receiver, poster: Poster, status: int
) -> None:
    receiver.will(answers(status, "no\r\n such  thing\x00"))
    refused = await refusal(poster, receiver.url)
    assert (str(refused), refused.permanent) == (f"127.0.0.1 answered {status}: no such thing", True)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_what_may_pass_is_tried_again(receiver: Receiver, poster: Poster, status: int) -> None:
    receiver.will(answers(status, ""))
    refused = await refusal(poster, receiver.url)
    assert (str(refused), refused.permanent) == (f"127.0.0.1 answered {status}", False)
    assert refused.retry_after_s is None


@pytest.mark.parametrize("status", [429, 503])
async def test_the_receiver_says_when_to_come_back(receiver: Receiver, poster: Poster, status: int) -> None:
    date = {"Date": "Thu, 22 Oct 2026 11:24:00 GMT", "Retry_After": "Thu, 22 Oct 2026 11:24:42 GMT"}
    receiver.will(answers(status, Retry_After="7"), answers(status, **date), answers())
    assert (await refusal(poster, receiver.url)).retry_after_s == 7
    assert (await refusal(poster, receiver.url)).retry_after_s == 42
    assert (await poster.post(receiver.url, b"{}", {}, [])).status == 200


async def test_a_redirect_is_refused_not_followed(receiver: Receiver, poster: Poster) -> None:
    receiver.will(answers(307, Location=f"{receiver.url}/elsewhere"))
    refused = await refusal(poster, receiver.url)
    assert (refused.permanent, str(refused)) == (True, "127.0.0.1 answered 307: ok")
    assert len(receiver.received) == 1


async def test_one_that_hangs_is_left_after_the_timeout(receiver: Receiver) -> None:
    receiver.will(hangs)
    poster = Poster(timeout_s=0.3)
    refused = await refusal(poster, receiver.url)
    assert (str(refused), refused.permanent) == ("127.0.0.1 did not answer within 0.3 s", False)
    await poster.close()


async def test_one_that_closes_before_it_answers_is_asked_again(receiver: Receiver, poster: Poster) -> None:
    receiver.will(closes_before_it_answers)
    refused = await refusal(poster, receiver.url)
    assert (str(refused), refused.permanent) == ("127.0.0.1 closed the connection before it answered", False)
    receiver.will(answers())
    assert (await poster.post(receiver.url, b"{}", {}, [])).text == "ok"


async def test_half_an_answer_is_none_where_the_answer_counts(receiver: Receiver, poster: Poster) -> None:
    receiver.will(closes_in_the_middle(200))
    refused = await refusal(poster, receiver.url)
    assert (str(refused), refused.permanent) == ("127.0.0.1 broke off its answer", False)
    assert (await poster.post(receiver.url, b"{}", {}, [], answer_counts=False)).status == 200


async def test_a_success_that_hangs_is_one_at_once_where_the_answer_does_not_count(receiver: Receiver) -> None:
    receiver.will(hangs_in_the_middle(200), answers())
    poster = Poster(timeout_s=60)
    await asyncio.wait_for(poster.post(receiver.url, b"{}", {}, [], answer_counts=False), 10)
    await poster.post(receiver.url, b"{}", {}, [], answer_counts=False)
    await poster.close()


async def test_half_a_refusal_is_tried_again(receiver: Receiver, poster: Poster) -> None:
    receiver.will(closes_in_the_middle(400))
    assert not (await refusal(poster, receiver.url, answer_counts=False)).permanent


@pytest.mark.parametrize("status", [200, 400])
async def test_megabytes_are_not_read(receiver: Receiver, poster: Poster, status: int) -> None:
    receiver.will(answers_megabytes(status), answers())
    if status == 200:
        assert len((await poster.post(receiver.url, b"{}", {}, [])).text) == ANSWER_BYTES_MAX
    else:
        assert len(str(await refusal(poster, receiver.url))) < SAID_CHARACTERS + 50
    assert (await poster.post(receiver.url, b"{}", {}, [])).text == "ok"


async def test_nothing_is_unpacked(receiver: Receiver, poster: Poster) -> None:
    bomb = gzip.compress(bytes(50_000_000))

    async def behave(request: web.Request) -> web.StreamResponse:
        return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})

    receiver.will(behave)
    assert len((await poster.post(receiver.url, b"{}", {}, [])).text) <= len(bomb)
    assert receiver.received[0].headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("babble", [b"220 mail.example.com ESMTP\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000])
async def test_what_does_not_speak_http_is_told(poster: Poster, babble: bytes) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(babble)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    refused = await refusal(poster, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    assert (str(refused), refused.permanent) == ("127.0.0.1 answered what is not HTTP", False)
    server.close()
    await server.wait_closed()


async def test_one_that_is_away_and_comes_back(poster: Poster) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    refused = await refusal(poster, f"http://127.0.0.1:{port}/")
    assert (refused.permanent, "127.0.0.1 can't be reached" in str(refused)) == (False, True)


@pytest.mark.parametrize("url", ["not an address", "http://", "http://[::1", "http://a b/"])
async def test_what_is_no_address_is_refused_without_showing_it(poster: Poster, url: str) -> None:
    assert url not in str(await refusal(poster, url))


async def test_a_certificate_is_believed_if_its_authority_is(
    tls: ssl.SSLContext, certificate: Path, poster: Poster
) -> None:
    async with http_receiver(tls) as receiver:
        refused = await refusal(poster, receiver.url)
        assert str(refused) == "127.0.0.1 can't be trusted: its TLS certificate or protocol was not accepted"
        assert (refused.permanent, receiver.received) == (False, [])
        believing = Poster(5, str(certificate / "certificate.pem"))
        assert (await believing.post(receiver.url, b"{}", {}, [])).text == "ok"
        await believing.close()


def test_a_file_of_authorities_that_is_none_stops_the_start(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    with pytest.raises(FatalError, match=r"ca_file .*ca.pem can't be read: No such file or directory"):
        Poster(5, str(file))
    file.write_text("not a certificate")
    with pytest.raises(FatalError, match=r"ca_file .*ca.pem has no certificate in PEM that can be used"):
        Poster(5, str(file))


async def test_the_way_leads_over_the_proxy_that_the_environment_names(
    receiver: Receiver, poster: Poster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", receiver.url)
    monkeypatch.setenv("http_proxy", receiver.url)
    await poster.post("http://alerts.invalid/path", b"{}", {}, [])
    assert [(one.path, one.headers["Host"]) for one in receiver.received] == [("/path", "alerts.invalid")]
