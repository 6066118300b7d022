"""What each channel can be told. Secrets stand in none of it: `…_env` and `…_file` say where they are.

The structs are read with `msgspec.convert`; what they refuse names the field, what was found and what is allowed.
"""

from __future__ import annotations

import re
from email.utils import getaddresses
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from pipeline.notifier.channels.secrets import SecretName
from pipeline.notifier.message import Refused
from schemas.structs import AlertSeverity

Reply = Literal["firing", "repeat", "resolved"]
Security = Literal["starttls", "tls", "none"]

SLACK_API = "https://slack.com/api"
PAGERDUTY_EVENTS = "https://events.pagerduty.com/v2/enqueue"
TIMEOUT_S_MAX = 120
_HEADER = re.compile(r"[A-Za-z0-9-]+")
_MENTION = re.compile(r"<(!|@)[A-Za-z0-9^]+>( <(!|@)[A-Za-z0-9^]+>)*")
_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[^\s@<>,;:\"()\[\]\\]+")
_OWN_HEADERS = {"content-type", "content-length", "host", "transfer-encoding", "idempotency-key"}


class _Channel(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", forbid_unknown_fields=True):
    """What all channels take."""

    name: str
    link: str = ""  # a page to open from a message, such as a dashboard
    timeout_s: float = 10  # of one attempt
    attempts: int = 20  # then a notice is undelivered
    per_minute: int = 60  # messages, at most

    def _check(self) -> None:
        if not 0 < self.timeout_s <= TIMEOUT_S_MAX:
            raise ValueError(f"timeout_s: found {self.timeout_s:g}; allowed: more than 0, at most {TIMEOUT_S_MAX}")
        for field, found in (("attempts", self.attempts), ("per_minute", self.per_minute)):
            if found < 1:
                raise ValueError(f"{field}: found {found}; allowed: 1 or more")
        if self.link:
            _check_url("link", self.link)


class SlackConfig(_Channel, frozen=True, kw_only=True, tag="slack"):
    """A Slack channel: by a bot's token, which can edit its messages, or by an incoming webhook, which can't."""

    channel: str = ""
    token_env: str | None = None
    token_file: str | None = None
    url_env: str | None = None
    url_file: str | None = None
    replies: tuple[Reply, ...] = ("firing", "repeat")
    broadcast_replies: bool = True
    mentions: dict[AlertSeverity, str] = {}
    api: str = SLACK_API

    def __post_init__(self) -> None:
        """Refuse what can't work."""
        self._check()
        token = self.token()
        if bool(token) == bool(self.url()):
            found = "both" if token else "neither"
            raise ValueError(f"found {found} of token and url; allowed: one, such as token_env: SLACK_TOKEN")
        if bool(token) != bool(self.channel):
            raise ValueError(
                "channel belongs to token: a bot needs one, such as C0123456789; an incoming url has its own"
            )
        for severity, mention in self.mentions.items():
            if not _MENTION.fullmatch(mention):
                raise ValueError(f"mentions {severity}: found {mention}; allowed: Slack's own form, such as <!here>")
        _check_url("api", self.api)

    def token(self) -> SecretName:
        """Return where the bot's token stands."""
        return _secret("token", self.token_env, self.token_file)

    def url(self) -> SecretName:
        """Return where an incoming webhook's address stands: whoever has it may post."""
        return _secret("url", self.url_env, self.url_file)

    def secrets(self) -> tuple[SecretName, ...]:
        """Return where every secret of the channel stands."""
        return tuple(one for one in (self.token(), self.url()) if one)


class EmailConfig(_Channel, frozen=True, kw_only=True, tag="email"):
    """Mail to one or many, over one SMTP server."""

    host: str
    port: int | None = None
    security: Security = "starttls"
    ca_file: str | None = None
    username: str = ""
    password_env: str | None = None
    password_file: str | None = None
    sender: str = msgspec.field(name="from")
    to: tuple[str, ...]
    reply_to: str = ""

    def __post_init__(self) -> None:
        """Refuse what can't work, and a password on its way in the clear."""
        self._check()
        if not self.to:
            raise ValueError("to: found no address; allowed: one or more, such as [oncall@example.com]")
        addresses = [("from", self.sender), *(("to", one) for one in self.to)]
        for field, address in [*addresses, *([("reply_to", self.reply_to)] if self.reply_to else [])]:
            if not _is_one_address(address):
                raise ValueError(f"{field}: found {address!r}; allowed: one mail address, also as Name <a@example.com>")
        if bool(self.username) != bool(self.password()):
            raise ValueError("found one of username and password; allowed: both, or none where no login is wanted")
        if self.security == "none" and self.password():
            raise ValueError("security: none would show the password to all; allowed with a login: starttls, tls")

    def password(self) -> SecretName:
        """Return where the password stands."""
        return _secret("password", self.password_env, self.password_file)

    def secrets(self) -> tuple[SecretName, ...]:
        """Return where every secret of the channel stands."""
        return (self.password(),) if self.password() else ()


class WebhookConfig(_Channel, frozen=True, kw_only=True, tag="webhook"):
    """Any HTTP receiver of JSON."""

    url: str = ""
    url_env: str | None = None
    url_file: str | None = None
    secret_env: str | None = None
    secret_file: str | None = None
    token_env: str | None = None
    token_file: str | None = None
    headers_env: dict[str, str] = {}
    ca_file: str | None = None

    def __post_init__(self) -> None:
        """Refuse what can't work."""
        self._check()
        if bool(self.url) == bool(self.secret_url()):
            raise ValueError("allowed: one of url, url_env and url_file")
        if self.url:
            _check_url("url", self.url)
        self.secret()
        if self.token() and "authorization" in {header.lower() for header in self.headers_env}:
            raise ValueError("found token and a header Authorization; allowed: one of them")
        for header in self.headers_env:
            if (
                not _HEADER.fullmatch(header)
                or header.lower() in _OWN_HEADERS
                or header.lower().startswith("pipeline-")
            ):
                raise ValueError(
                    f"headers_env: found {header!r}; allowed: names of headers that the notifier leaves free"
                )

    def secret_url(self) -> SecretName:
        """Return where an address stands that is a secret itself."""
        return _secret("url", self.url_env, self.url_file)

    def secret(self) -> SecretName:
        """Return where the key of the signature stands."""
        return _secret("secret", self.secret_env, self.secret_file)

    def token(self) -> SecretName:
        """Return where a bearer token stands."""
        return _secret("token", self.token_env, self.token_file)

    def headers(self) -> dict[str, SecretName]:
        """Return where the value of each further header stands."""
        return {header: SecretName(f"headers_env {header}", env) for header, env in self.headers_env.items()}

    def secrets(self) -> tuple[SecretName, ...]:
        """Return where every secret of the channel stands."""
        named = (self.secret_url(), self.secret(), self.token(), *self.headers().values())
        return tuple(one for one in named if one)


class PagerDutyConfig(_Channel, frozen=True, kw_only=True, tag="pagerduty"):
    """A service of PagerDuty with an integration of Events API v2."""

    routing_key_env: str | None = None
    routing_key_file: str | None = None
    url: str = PAGERDUTY_EVENTS

    def __post_init__(self) -> None:
        """Refuse what can't work."""
        self._check()
        if not self.routing_key():
            raise ValueError("found no routing key; allowed: routing_key_env or routing_key_file")
        _check_url("url", self.url)

    def routing_key(self) -> SecretName:
        """Return where the integration key stands."""
        return _secret("routing_key", self.routing_key_env, self.routing_key_file)

    def secrets(self) -> tuple[SecretName, ...]:
        """Return where every secret of the channel stands."""
        return (self.routing_key(),)


ChannelConfig = SlackConfig | EmailConfig | WebhookConfig | PagerDutyConfig
"""A channel of any type, told apart by `type`."""


def unset_secrets(config: ChannelConfig) -> list[str]:
    """Return a sentence for each secret that can't be read at the moment, for a check before the first message."""
    found = []
    for secret in config.secrets():
        try:
            secret.read()
        except Refused as error:
            found.append(str(error))
    return found


def _secret(field: str, env: str | None, file: str | None) -> SecretName:
    if env and file:
        raise ValueError(f"found {field}_env and {field}_file; allowed: one of them")
    return SecretName(field, env, file)


def _is_one_address(text: str) -> bool:
    found = getaddresses([text])
    return text.isprintable() and len(found) == 1 and bool(_ADDRESS.fullmatch(found[0][1])) and found[0][1].isascii()


def _check_url(field: str, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or not url.isprintable() or " " in url:
        raise ValueError(f"{field}: allowed: an address such as https://example.com/alerts")
    if parts.username or parts.password:
        raise ValueError(f"{field}: it has a user or password inside; put the whole address into a file or variable")
