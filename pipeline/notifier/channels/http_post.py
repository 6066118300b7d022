"""Posting JSON to a receiver that may be slow, broken, hostile, or away."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from multidict import CIMultiDictProxy

from pipeline.notifier.channels.retry_after import retry_after_s
from pipeline.notifier.channels.secrets import redacted
from pipeline.notifier.channels.trust import trusting
from pipeline.notifier.message import Refused

ANSWER_BYTES_MAX = 65_536
SAID_CHARACTERS = 300
MOMENT_S = 0.5
_LATER = {408, 425, 429}
_UNTRUSTED = (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError)
_REASONS: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    (_UNTRUSTED, "can't be trusted: its TLS certificate or protocol was not accepted"),
    ((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError), "closed the connection before it answered"),
    ((aiohttp.ClientPayloadError,), "broke off its answer"),
    ((aiohttp.ClientResponseError,), "answered what is not HTTP"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver answered. `text` is cut at `ANSWER_BYTES_MAX`; it may echo secrets, so it is never shown raw."""

    status: int
    text: str
    retry_after_s: float | None


class Poster:
    """One receiver's connections, kept open between messages. Redirects are not followed: they would carry secrets."""

    def __init__(self, timeout_s: float, ca_file: str | None = None) -> None:
        self._timeout_s = timeout_s
        self._ssl = trusting(ca_file)
        self._session: aiohttp.ClientSession | None = None

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], secrets: Collection[str], *, answer_counts: bool = True
    ) -> Answer:
        """Return the answer to a JSON body, if its status is one of success.

        Raises Refused for every other end: `permanent` for what a retry can't mend. Where the answer does not count,
        a status of success is enough, whatever comes after it. `secrets` are blotted out of what is raised.
        """
        try:
            answer = await self._post(url, body, headers, answer_counts=answer_counts)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            # Its text and its chain may name the whole address, which may be a secret.
            raise Refused(redacted(f"{_host(url)} {self._reason(error)}", secrets)) from None
        if answer.status >= 300:  # noqa: PLR2004 - the statuses of success are 2xx
            raise Refused(
                redacted(f"{_host(url)} answered {answer.status}", secrets) + said(answer.text, secrets),
                permanent=answer.status < 500 and answer.status not in _LATER,  # noqa: PLR2004 - 5xx: the server's
                retry_after_s=answer.retry_after_s,
            )
        return answer

    async def close(self) -> None:
        """Let go of the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str], *, answer_counts: bool) -> Answer:
        async with self._opened().post(
            url,
            data=io.BytesIO(body),  # in pieces, so that a large one does not hold up everything else
            # Nothing is unpacked, so that a small answer can't become a large one.
            headers={"Content-Type": "application/json; charset=utf-8", "Accept-Encoding": "identity", **headers},
            allow_redirects=False,
            proxy=_proxy(url),
        ) as response:
            text = await _text(response, answer_counts=answer_counts or not response.ok)
            return Answer(response.status, text, _wait_s(response.headers))

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=4, ssl=self._ssl),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=self._timeout_s),
                auto_decompress=False,
            )
        return self._session

    def _reason(self, error: Exception) -> str:
        if isinstance(error, TimeoutError):
            return f"did not answer within {self._timeout_s:g} s"
        if isinstance(error, aiohttp.ClientConnectorError) and not isinstance(error, _UNTRUSTED):
            return f"can't be reached: {error.os_error.strerror or type(error.os_error).__name__}"
        for kinds, reason in _REASONS:
            if isinstance(error, kinds):
                return reason
        return f"can't be asked: {type(error).__name__}"


def said(text: str, secrets: Collection[str]) -> str:
    """Return what a receiver said, for people: a colon and one line without secrets, or nothing."""
    line = " ".join(redacted(text, secrets).split())
    line = "".join(character for character in line if character.isprintable())
    cut = line if len(line) <= SAID_CHARACTERS else line[:SAID_CHARACTERS] + " …"
    return f": {cut}" if cut else ""


async def _text(response: aiohttp.ClientResponse, *, answer_counts: bool) -> str:
    """Return the beginning of a body. A connection with more of it on the way is closed, not kept.

    One that does not count is read for a moment only, so that the connection can be kept: who waited for it longer
    could be cancelled, and take a notice that has arrived for one that has not.
    """
    found = bytearray()
    try:
        async with asyncio.timeout(None if answer_counts else MOMENT_S):
            while len(found) < ANSWER_BYTES_MAX and (
                more := await response.content.read(ANSWER_BYTES_MAX - len(found))
            ):
                found += more
    except (aiohttp.ClientError, TimeoutError, OSError):
        if answer_counts:
            raise
    if not response.content.at_eof():
        response.close()
    return found.decode("utf-8", "replace")


def _wait_s(headers: CIMultiDictProxy[str]) -> float | None:
    return retry_after_s(headers.get("Retry-After"), headers.get("Date"), time.time())


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "the receiver"
    except ValueError:
        return "the receiver"


def _proxy(url: str) -> str | None:
    """Return the proxy that the environment names for an address, as most programs take it."""
    parts = urlsplit(url)
    return None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)
