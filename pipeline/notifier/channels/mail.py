"""E-mail: one message to everybody in the list, over one SMTP server."""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from collections.abc import Mapping, Sequence
from email.utils import parseaddr

import aiosmtplib

from pipeline.notifier.channels.config import EmailConfig
from pipeline.notifier.channels.http_post import said
from pipeline.notifier.channels.mail_message import Envelope, mail
from pipeline.notifier.channels.trust import trusting
from pipeline.notifier.message import Notification, Refused

_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_UNFINISHED_MAX = 1_000
_GOODBYE_S = 0.5
logger = logging.getLogger(__name__)


class EmailChannel:
    """A list of addresses. The reference is the Message-ID, by which the next one becomes an answer to it.

    Where a server takes a message for some and puts others off, only those are asked for again by the next attempt.
    """

    def __init__(self, config: EmailConfig) -> None:
        self.name = config.name
        self._config = config
        self._tls = trusting(config.ca_file)
        self._unfinished: dict[str, list[str]] = {}  # by the notice's key, who has not got it yet

    async def send(self, notification: Notification) -> str | None:
        """Send the mail to all who have not got it yet. That somebody looks after it is no reason for a mail."""
        if notification.kind == "acknowledged":
            return notification.previous
        config = self._config
        envelope = Envelope(config.sender, config.to, config.reply_to, config.link)
        message = mail(notification, envelope, int(time.time() * 1_000))
        to = self._unfinished.get(notification.key) or [parseaddr(one)[1] for one in config.to]
        self._judge(notification.key, to, await self._deliver(bytes(message), to))
        return str(message["Message-ID"])

    async def close(self) -> None:
        """Do nothing: a connection lasts as long as a message."""

    async def _deliver(self, message: bytes, to: Sequence[str]) -> Mapping[str, tuple[int, str]]:
        """Return who was refused, with code and text. Raises Refused where nobody got it."""
        password = self._config.password().read() if self._config.password() else ""
        # Servers echo a login as they got it: user and password in one.
        secrets = [password, f"\0{self._config.username}\0{password}"] if password else []
        where = f"mail server {self._config.host}"
        try:
            return await self._sent(message, to, password)
        except aiosmtplib.SMTPRecipientsRefused as refused:
            return {one.recipient: (one.code, said(one.message, secrets)) for one in refused.recipients}
        except aiosmtplib.SMTPResponseException as refused:
            text = f"{where} answered {refused.code}{said(refused.message, secrets)}"
            raise Refused(text, permanent=refused.code >= 500) from None  # noqa: PLR2004 - RFC 5321: 5yz is for good
        except (TimeoutError, aiosmtplib.SMTPTimeoutError):
            raise Refused(f"{where} did not answer within {self._config.timeout_s:g} s") from None
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise Refused(f"{where} can't be used{said(str(error), secrets)}") from None

    async def _sent(self, message: bytes, to: Sequence[str], password: str) -> Mapping[str, tuple[int, str]]:
        config = self._config
        client = aiosmtplib.SMTP(
            hostname=config.host,
            port=config.port or _PORTS[config.security],
            username=config.username or None,
            password=password or None,
            local_hostname=socket.gethostname(),
            timeout=config.timeout_s,
            use_tls=config.security == "tls",
            start_tls=config.security == "starttls",
            tls_context=None if config.security == "none" else self._tls,
        )
        try:
            await client.connect()
            refused, _ = await client.sendmail(parseaddr(config.sender)[1], list(to), message)
            # The server has the mail; how and when it says goodbye changes nothing.
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                await client.quit(timeout=_GOODBYE_S)
        finally:
            client.close()  # not `quit`, which would wait for a server that hangs
        return {address: (answer.code, said(answer.message, [password])) for address, answer in refused.items()}

    def _judge(self, key: str, to: Sequence[str], refused: Mapping[str, tuple[int, str]]) -> None:
        """Raise Refused if somebody is still to get it, or nobody did."""
        later = [one for one, (code, _) in refused.items() if code < 500]  # noqa: PLR2004 - RFC 5321: 4yz is for now
        told = ", ".join(f"{address} ({code}{text})" for address, (code, text) in refused.items())
        self._unfinished.pop(key, None)
        if later:
            self._unfinished[key] = later
            while len(self._unfinished) > _UNFINISHED_MAX:
                self._unfinished.pop(next(iter(self._unfinished)))
            raise Refused(f"mail server {self._config.host} puts off {told}")
        if refused and len(refused) == len(to):
            raise Refused(f"mail server {self._config.host} takes nothing for {told}", permanent=True)
        if refused:
            logger.warning("channel %s: the mail went out, but not to %s; mend the list `to`", self.name, told)
