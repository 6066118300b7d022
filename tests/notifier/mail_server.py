"""A real SMTP server: it takes mail, wants logins, refuses some, puts off others, hangs, and is away."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass
class Mailbox:
    """What came, and whom the server does not want to take mail for: the answer by address."""

    port: int = 0
    taken: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    refuses: dict[str, str] = field(default_factory=dict)
    answer: str = "250 OK"
    hangs: bool = False
    quits: str = "221 Bye"
    logins: list[tuple[str, str]] = field(default_factory=list)
    password: str = ""

    async def handle_RCPT(  # noqa: N802 - aiosmtpd calls it so
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refuses:
            return self.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - likewise
        if self.hangs:
            await asyncio.Event().wait()
        if self.answer.startswith("250"):
            assert isinstance(envelope.content, bytes)
            read = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(read, EmailMessage)
            self.taken.append(read)
            self.envelopes.append((str(envelope.mail_from), list(envelope.rcpt_tos)))
        return self.answer

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - likewise
        if not self.quits:
            await asyncio.Event().wait()
        return self.quits

    def check_login(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, login: Any) -> AuthResult:
        assert isinstance(login, LoginPassword)
        user, password = login.login.decode(), login.password.decode()
        self.logins.append((user, password))
        if password == self.password:
            return AuthResult(success=True)
        return AuthResult(success=False, handled=False, message=f"535 5.7.8 no: {user} {password}")


@contextlib.asynccontextmanager
async def mail_server(
    tls: ssl.SSLContext | None = None, *, from_the_start: bool = False, careless: bool = False
) -> AsyncIterator[Mailbox]:
    """Run a server on a free port: with STARTTLS and logins if there is a certificate, else in the clear.

    A careless one takes logins in the clear.
    """
    mailbox = Mailbox()
    loop = asyncio.get_running_loop()
    connections: list[SMTP] = []

    def connected() -> SMTP:
        options: dict[str, Any] = {}
        if tls is not None:
            options = {"authenticator": mailbox.check_login, "auth_require_tls": not from_the_start}
            options |= {} if from_the_start else {"tls_context": tls, "require_starttls": True}
        if careless:
            options = {"authenticator": mailbox.check_login, "auth_require_tls": False}
        connections.append(SMTP(mailbox, loop=loop, hostname="mail.test", **options))
        return connections[-1]

    server = await loop.create_server(connected, "127.0.0.1", 0, ssl=tls if from_the_start else None)
    mailbox.port = server.sockets[0].getsockname()[1]
    try:
        yield mailbox
    finally:
        server.close()
        for connection in connections:
            if isinstance(connection.transport, asyncio.Transport):
                connection.transport.abort()
        await server.wait_closed()
