"""What a channel is made from: its part of the notifications file, with secrets read from where it says.

`make_channel` in `pipeline/notifier/channels/` takes a `ChannelConfig`. A secret is never in the file itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from pydantic import SecretStr

ChannelType = Literal["slack", "email", "webhook", "pagerduty"]
CHANNEL_TYPES: tuple[ChannelType, ...] = get_args(ChannelType)

Option = str | int | float | bool | list[str]


@dataclass(frozen=True, slots=True)
class ChannelKeys:
    """Which keys a type of channel takes.

    - `options`: stand in the file
    - `secrets`: only as NAME_env (an environment variable) or NAME_file (a path)
    - `needs`: groups of which one name each must be there, as an option or as a secret
    """

    options: tuple[str, ...]
    secrets: tuple[str, ...]
    needs: tuple[tuple[str, ...], ...]


KEYS: Mapping[ChannelType, ChannelKeys] = {
    # An incoming webhook's url, or a bot's token with the channel to post to: only then can messages be edited.
    "slack": ChannelKeys(("channel", "api", "link"), ("url", "token"), (("url", "token"),)),
    "email": ChannelKeys(
        ("host", "port", "security", "username", "from", "to", "link"), ("password",), (("host",), ("from",), ("to",))
    ),
    # An address that holds a key of its own goes into url_env; `secret` signs the body, `token` is a bearer token.
    "webhook": ChannelKeys(("url", "link"), ("url", "secret", "token"), (("url",),)),
    "pagerduty": ChannelKeys(("url", "link"), ("routing_key",), (("routing_key",),)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelConfig:
    """One channel. Every name in `options` and `secrets` is one of its type's `KEYS`, and what it needs is there.

    The types of options are not checked here: `make_channel` raises ValueError that says what is allowed.
    """

    name: str
    type: ChannelType
    options: Mapping[str, Option] = field(default_factory=dict)
    secrets: Mapping[str, SecretStr] = field(default_factory=dict)
    timeout_s: float = 10.0  # of one attempt; the notifier cancels `send` after it, so this is for connections
    attempts: int = 20  # then it is undelivered
    per_minute: int = 60  # messages, at most
