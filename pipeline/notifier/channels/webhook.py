"""Any HTTP receiver: the notice as JSON, signed, with a key by which the receiver knows one that came before."""

from __future__ import annotations

import time
from string import punctuation
from urllib.parse import quote

from pipeline.notifier.channels.config import WebhookConfig
from pipeline.notifier.channels.http_post import Poster
from pipeline.notifier.channels.secrets import parts_of_address
from pipeline.notifier.channels.signature import SIGNATURE_HEADER, TIMESTAMP_HEADER, signature
from pipeline.notifier.message import Notification
from schemas.structs import NoticeRecord, encode

_PLAIN = punctuation.replace("%", "") + " "  # what a header may hold as it is; all else is percent-encoded


def body_of(channel: str, notification: Notification) -> bytes:
    """Return the body: the same bytes for every attempt, as `schemas/notice.py` describes them."""
    return encode(
        NoticeRecord(
            key=notification.key,
            channel=channel,
            group=notification.group,
            kind=notification.kind,
            severity=notification.severity,
            title=notification.title,
            text=notification.text,
            alerts=list(notification.alerts),
            omitted=notification.omitted,
        )
    )


class WebhookChannel:
    """A receiver of JSON. It gives no reference."""

    def __init__(self, config: WebhookConfig) -> None:
        self.name = config.name
        self._config = config
        self._poster = Poster(config.timeout_s, config.ca_file)

    async def send(self, notification: Notification) -> None:
        """Post the notice. Every status from 200 to 299 means that the receiver has it."""
        secret_url = self._config.secret_url()
        url = secret_url.read() if secret_url else self._config.url
        body = body_of(self.name, notification)
        headers, secrets = self._headers(body)
        headers["Idempotency-Key"] = quote(notification.key, safe=_PLAIN)
        secrets += parts_of_address(url) if secret_url else []
        await self._poster.post(url, body, headers, secrets, answer_counts=False)

    async def close(self) -> None:
        """Let go of connections."""
        await self._poster.close()

    def _headers(self, body: bytes) -> tuple[dict[str, str], list[str]]:
        """Return the headers of one attempt, and the secrets that went into them."""
        headers = {header: secret.read() for header, secret in self._config.headers().items()}
        secrets = list(headers.values())
        if token := self._config.token():
            secrets.append(token.read())
            headers["Authorization"] = f"Bearer {secrets[-1]}"
        if secret := self._config.secret():
            secrets.append(secret.read())
            now_s = int(time.time())
            headers[TIMESTAMP_HEADER] = str(now_s)
            headers[SIGNATURE_HEADER] = signature(secrets[-1], now_s, body)
        return headers, secrets
