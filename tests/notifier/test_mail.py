"""E-mail over a real SMTP server: in the clear, with STARTTLS, with TLS from the start, with and without a login."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.notifier.channels.config import EmailConfig
from pipeline.notifier.channels.making import make_channel
from pipeline.notifier.message import Channel, Refused
from tests.notifier.mail_server import Mailbox, mail_server
from tests.notifier.notices import notification, resolved

TO = ("a@example.com", "On call <b@example.com>", "c@example.com")
PASSWORD = "hunter2-correct-horse"


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    async with mail_server() as started:
        yield started


def email(port: int, **changes: Any) -> Channel:
    options: dict[str, Any] = {"name": "mail", "host": "127.0.0.1", "port": port, "security": "none", "timeout_s": 3}
    return make_channel(EmailConfig(**{**options, "sender": "Pipeline <alerts@example.com>", "to": TO, **changes}))


async def test_one_mail_goes_to_all(mailbox: Mailbox) -> None:
    reference = await email(mailbox.port).send(notification())
    assert mailbox.envelopes == [("alerts@example.com", ["a@example.com", "b@example.com", "c@example.com"])]
    (read,) = mailbox.taken
    assert read["Message-ID"] == reference
    assert read["Subject"] == "[CRITICAL] error rate of prod/checkout/pay is 7.31 % over 5m"
    assert {part.get_content_type() for part in read.iter_parts()} == {"text/plain", "text/html"}


async def test_the_next_one_answers_it(mailbox: Mailbox) -> None:
    channel = email(mailbox.port)
    reference = await channel.send(notification())
    await channel.send(resolved(previous=reference))
    assert mailbox.taken[1]["In-Reply-To"] == reference


async def test_that_somebody_looks_after_it_is_not_mailed(mailbox: Mailbox) -> None:
    assert (
        await email(mailbox.port).send(notification(kind="acknowledged", previous="<1@example.com>"))
        == "<1@example.com>"
    )
    assert mailbox.taken == []


async def test_whoever_was_put_off_is_asked_for_again_and_nobody_else(mailbox: Mailbox) -> None:
    channel = email(mailbox.port)
    mailbox.refuses["b@example.com"] = "450 4.2.0 greylisted, come back"
    with pytest.raises(Refused, match=r"puts off b@example.com \(450: 4.2.0 greylisted, come back\)") as refused:
        await channel.send(notification())
    assert not refused.value.permanent
    mailbox.refuses.clear()
    await channel.send(notification())
    await channel.send(resolved())
    assert [to for _, to in mailbox.envelopes] == [
        ["a@example.com", "c@example.com"],
        ["b@example.com"],
        ["a@example.com", "b@example.com", "c@example.com"],
    ]


async def test_one_stale_address_keeps_the_others_from_nothing(
    mailbox: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    mailbox.refuses["c@example.com"] = "550 5.1.1 no such user"
    await email(mailbox.port).send(notification())
    assert mailbox.envelopes[0][1] == ["a@example.com", "b@example.com"]
    assert "but not to c@example.com (550: 5.1.1 no such user)" in caplog.text


async def test_where_nobody_is_taken_it_depends_on_why(mailbox: Mailbox) -> None:
    channel = email(mailbox.port)
    mailbox.refuses.update(dict.fromkeys(("a@example.com", "b@example.com", "c@example.com"), "550 no such user"))
    with pytest.raises(Refused, match="takes nothing for") as never:
        await channel.send(notification())
    assert never.value.permanent
    mailbox.refuses["a@example.com"] = "451 later"
    with pytest.raises(Refused, match="puts off") as later:
        await channel.send(notification())
    assert not later.value.permanent


@pytest.mark.parametrize(
    ("answer", "permanent"), [("554 5.7.1 spam", True), ("451 4.3.0 disk full", False), ("421 bye", False)]
)
async def test_the_servers_answer_says_whether_to_try_again(mailbox: Mailbox, answer: str, permanent: object) -> None:
    mailbox.answer = answer
    with pytest.raises(Refused) as refused:
        await email(mailbox.port).send(notification())
    assert str(refused.value) == f"mail server 127.0.0.1 answered {answer[:3]}: {answer[4:]}"
    assert refused.value.permanent is permanent


async def test_one_that_hangs_is_left_and_one_that_is_away_is_tried_again(mailbox: Mailbox) -> None:
    mailbox.hangs = True
    with pytest.raises(Refused, match=r"did not answer within 0.4 s"):
        await email(mailbox.port, timeout_s=0.4).send(notification())
    mailbox.hangs = False
    await email(mailbox.port).send(notification())
    with pytest.raises(Refused, match="can't be used: ") as away:
        await email(1).send(notification())
    assert not away.value.permanent


@pytest.mark.parametrize("goodbye", ["421 too late", ""], ids=["a wrong one", "none"])
async def test_a_server_that_takes_it_and_says_no_goodbye_has_it(mailbox: Mailbox, goodbye: str) -> None:
    mailbox.quits = goodbye
    await asyncio.wait_for(email(mailbox.port, timeout_s=60).send(notification()), 10)
    assert len(mailbox.taken) == 1


async def test_what_is_no_mail_server_is_told(mailbox: Mailbox) -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    with pytest.raises(Refused) as refused:
        await email(server.sockets[0].getsockname()[1]).send(notification())
    assert not refused.value.permanent
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_with_tls_and_a_login(
    tls: ssl.SSLContext, certificate: Path, security: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMTP_PASSWORD", PASSWORD)
    async with mail_server(tls, from_the_start=security == "tls") as mailbox:
        mailbox.password = PASSWORD
        options = {"security": security, "username": "alerts", "password_env": "SMTP_PASSWORD"}
        trusting = email(mailbox.port, ca_file=str(certificate / "certificate.pem"), **options)
        await trusting.send(notification())
        assert mailbox.logins == [("alerts", PASSWORD)]
        assert len(mailbox.taken) == 1
        with pytest.raises(Refused, match=r"can't be used: .*certificate") as refused:
            await email(mailbox.port, **options).send(notification())
        assert not refused.value.permanent
        assert len(mailbox.logins) == 1


async def test_a_wrong_password_is_permanent_and_not_shown(
    tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMTP_PASSWORD", PASSWORD)
    async with mail_server(tls) as mailbox:
        mailbox.password = "another"
        options = {"security": "starttls", "username": "alerts", "password_env": "SMTP_PASSWORD"}
        with pytest.raises(Refused) as refused:
            await email(mailbox.port, ca_file=str(certificate / "certificate.pem"), **options).send(notification())
    assert mailbox.logins
    assert refused.value.permanent
    assert "answered 535: 5.7.8 no: alerts ***" in str(refused.value)


async def test_a_server_without_starttls_gets_no_password_though_it_would_take_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SMTP_PASSWORD", PASSWORD)
    options = {"security": "starttls", "username": "alerts", "password_env": "SMTP_PASSWORD"}
    async with mail_server(careless=True) as mailbox:
        mailbox.password = PASSWORD
        with pytest.raises(Refused, match="STARTTLS"):
            await email(mailbox.port, **options).send(notification())
        assert (mailbox.logins, mailbox.taken) == ([], [])
